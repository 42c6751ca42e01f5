//! Refunds due for the unused part of a period: reckoned day by day when another order takes over, and once for each payment.

use chrono::{Days, NaiveDate};
use serde_json::{Value, json};

use super::Checked;
use super::dunning::{Facts, Seen, day, outside};
use super::table_mirror::{Diff, instant, is_whole_due, tag, text};

/// A payment is stored again only with the part that is due from then on, which staff find in the queue of refunds.
pub(crate) fn payment(diff: &Diff) -> Checked {
    let mut before = diff.new.clone();
    before["data"]["refund_due"] = json!(false);
    let part = before["data"].as_object_mut().and_then(|data| data.remove("refund_due_part"));
    let is_part = diff.new["data"]["refund_due"] == true && part.and_then(|part| part.as_u64()).unwrap_or(0) > 0;
    let mut removed = |name: &str| before.as_object_mut().and_then(|item| item.remove(name));
    let (queue, due) = (removed("queue"), removed("due_at"));
    let is_listed = queue.as_ref() == Some(&json!("refund-due"))
        && due.is_some_and(|due| instant(&due) == instant(&diff.new["data"]["processed_at"]));
    if before == diff.old && is_part && is_listed {
        Ok(())
    } else {
        Err(format!("{} was {} and is {}", diff.sk, diff.old, diff.new))
    }
}

/// A line about a replacement, or about a charge that became known late, has the credit that its days give.
pub(super) fn line(seen: &Seen<'_>, id: &str, line: &Value) -> Checked {
    if !matches!(text(&line["rule"]), "superseded" | "late-success") {
        return Ok(());
    }
    let facts = &Facts::of(seen, id, line)?;
    let order = facts.order;
    let Some(since) = instant(&order["superseded_at"]).map(day) else { return Ok(()) };
    // What the latest query lists in disorder proves a period, too, and has no payment.
    if order["charge_history"]["unrecorded_successes"].as_array().is_some_and(|known| !known.is_empty()) {
        return Ok(());
    }
    let is_late = line["rule"] == "late-success";
    let mut expected = Vec::new();
    let mut until: Option<NaiveDate> = None;
    let mut known = Some(facts);
    let mut earlier;
    while let Some(then) = known.take().filter(|_| is_late || !facts.was_free) {
        let (Some(from), Some(to), Some(payment)) = (then.periods.paid, then.periods.paid_until(), latest(then)) else {
            break;
        };
        let to = until.map_or(to, |until| to.min(until));
        until = Some(from);
        let (all, unused) = (days(from, to, from), days(from, to, since));
        let amount = payment["amount"].as_u64().unwrap_or(0);
        // Half a dollar and more is a whole one.
        let (whole, rest) = (amount * unused / all, amount * unused % all);
        let credit = if rest * 2 >= all { whole + 1 } else { whole };
        let is_of_line = text(&line["event"]["reported"]["event"]) == text(&payment["event"]);
        if credit > 0 && (is_of_line || !is_late) {
            expected.push((text(&payment["id"]).to_owned(), credit, unused, all));
        }
        if since < from {
            earlier = then.before(payment).ok_or("no time")?;
            known = Some(&earlier);
        }
    }
    let number = |credit: &Value, name: &str| credit[name].as_u64().unwrap_or(0);
    let found = line["credits"].as_array().into_iter().flatten().map(|credit| {
        let payment = text(&credit["payment"]).to_owned();
        (payment, number(credit, "amount"), number(credit, "days"), number(credit, "of_days"))
    });
    let found: Vec<_> = found.collect();
    if found != expected {
        return Err(format!("{id}: {found:?} is unused and should be {expected:?}: {line}\n{order}"));
    }
    expected.iter().try_for_each(|(payment, amount, ..)| is_shown(facts, payment, *amount))
}

/// The payment has the credit as a refund due, and staff have a notice of it.
fn is_shown(facts: &Facts<'_>, payment: &str, amount: u64) -> Checked {
    let is_due = facts.payments.iter().any(|stored| stored["id"] == payment && stored["refund_due_part"] == amount);
    let said = format!("NT${amount}");
    let is_mailed = facts.notices.iter().any(|notice| {
        text(&notice["id"]).contains("/refund-due/")
            && notice["fields"]["payment"] == payment
            && notice["fields"]["amount"] == said
    });
    if is_due && is_mailed { Ok(()) } else { Err(format!("{amount} of {payment} are owed without a sign of it")) }
}

/// The payment of the latest period.
fn latest<'a>(facts: &Facts<'a>) -> Option<&'a Value> {
    let due = facts.periods.paid?;
    if outside(&facts.payments).map(|(due, _)| due).max() == Some(due) {
        let event = format!("O:{due}");
        return facts.payments.iter().copied().find(|payment| payment["event"] == event);
    }
    let paid = facts.payments.iter().copied();
    let paid = paid.filter(|payment| tag(&payment["outcome"]) == "succeeded" && !is_whole_due(payment));
    paid.max_by_key(|payment| instant(&payment["processed_at"]))
}

/// Days of a period that are not before another day, counted one by one.
fn days(from: NaiveDate, to: NaiveDate, since: NaiveDate) -> u64 {
    let next = |day: &NaiveDate| day.checked_add_days(Days::new(1));
    let all = std::iter::successors(Some(from), next).take_while(|day| *day < to);
    all.filter(|day| *day >= since).map(|_| 1).sum()
}
