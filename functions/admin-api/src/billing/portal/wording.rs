//! Texts of the customer page in both languages. Each stands with its translation, so that none can be missing.

use shared::domain::billing::decide::retry::{CustomerRetryRefusal, RetryRefusal};
use shared::domain::billing::dunning::downgrade::DowngradeReason;
use shared::domain::billing::subscription::{Locale, RetryState, Status, Subscription};
use shared::domain::values::time::{Timestamp, Zone};

/// Language in which the page speaks.
#[derive(Clone, Copy)]
pub(super) struct Words(Locale);

/// Outcome of a button that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// ECPay had the payment already.
    Paid,
    /// The order changed since the page was shown.
    Changed,
    /// The business sells the plan no more, so that the customer has to ask it.
    NotSold,
    Unavailable,
}

impl Words {
    pub(super) const fn of(locale: Locale) -> Self {
        Self(locale)
    }

    pub(super) const fn locale(self) -> Locale {
        self.0
    }

    /// The other language, to which the page offers to switch.
    pub(super) const fn other(self) -> Locale {
        match self.0 {
            Locale::ZhTw => Locale::En,
            Locale::En => Locale::ZhTw,
        }
    }

    /// Language tag of the document.
    pub(super) const fn tag(self) -> &'static str {
        match self.0 {
            Locale::ZhTw => "zh-Hant",
            Locale::En => "en",
        }
    }

    /// Selects the text of this language.
    pub(super) fn pick<T>(self, zh: T, en: T) -> T {
        match self.0 {
            Locale::ZhTw => zh,
            Locale::En => en,
        }
    }
}

impl Said {
    const ALL: [Self; 4] = [Self::Paid, Self::Changed, Self::NotSold, Self::Unavailable];

    /// The name in the page's address.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Changed => "changed",
            Self::NotSold => "not-sold",
            Self::Unavailable => "unavailable",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|said| said.name() == name)
    }

    pub(super) fn text(self, words: Words) -> &'static str {
        match self {
            Self::Paid => words.pick("已收到您的付款，謝謝。", "Your payment has been received. Thank you."),
            Self::Changed => words
                .pick("訂閱狀態已變更，請確認以下內容。", "The subscription has changed meanwhile. Please see below."),
            Self::NotSold => words.pick(
                "目前無法購買此方案，請與我們聯絡。",
                "This plan cannot be bought at the moment. Please contact us.",
            ),
            Self::Unavailable => words.pick("請稍後再試。", "Please try again in a moment."),
        }
    }
}

/// Sentence about a charge whose result is open.
pub(super) const fn in_progress(words: Words) -> &'static str {
    match words.locale() {
        Locale::ZhTw => "有一筆扣款正在處理中，結果確認後會顯示於此頁。",
        Locale::En => "A charge is in progress. Its result shows here as soon as it is known.",
    }
}

/// Reason for which the same card may not be charged again at the moment, where the customer should know it.
pub(super) fn retry_note(words: Words, order: &Subscription, refusal: CustomerRetryRefusal) -> Option<&'static str> {
    match refusal {
        CustomerRetryRefusal::Retry(RetryRefusal::AlreadyRequested) => Some(words.pick(
            "已請綠界再次扣款，結果通常在數分鐘內更新。",
            "ECPay was asked to charge the card again. The result usually shows here within minutes.",
        )),
        CustomerRetryRefusal::ResultOpen => Some(in_progress(words)),
        CustomerRetryRefusal::RequestedToday if is_refused(order) => Some(words.pick(
            "綠界今天未受理再次扣款。請明天再試，或改用其他卡片。",
            "ECPay did not accept the request today. Please try tomorrow, or pay with another card.",
        )),
        CustomerRetryRefusal::RequestedToday => Some(words.pick(
            "今天已嘗試再次扣款。請明天再試，或改用其他卡片。",
            "We tried the card again today. Please try again tomorrow, or pay with another card.",
        )),
        CustomerRetryRefusal::NeedsNewCard
        | CustomerRetryRefusal::Retry(
            RetryRefusal::NothingOwed | RetryRefusal::OrderOver | RetryRefusal::LastFailureAllowed,
        ) => None,
    }
}

fn is_refused(order: &Subscription) -> bool {
    order.retry.is_some_and(|retry| retry.state == RetryState::Refused)
}

/// State of an order as its customer needs it, in one or two sentences.
pub(super) fn state(words: Words, order: &Subscription, now: Timestamp) -> String {
    let plan = &order.terms.plan;
    if order.superseded_by.is_some() {
        return words.pick("已由新的訂閱取代。", "Replaced by your new subscription.").to_owned();
    }
    let is_owed = matches!(order.status, Status::PastDue { .. });
    let is_over = order.ended.is_some() || order.charge_history.successes >= order.terms.exec_times;
    let makes_no_charge = order.cancel_requested.is_some() || (is_over && !is_owed);
    if order.is_live() && makes_no_charge && order.downgrade.is_none() {
        let opening = if order.cancel_requested.is_some() {
            words.pick("已申請取消，", "Cancelled: ")
        } else {
            words.pick("本期為最後一期，", "This is the last period: ")
        };
        return format!("{opening}{}", no_charges(words, order, now));
    }
    match (order.status, order.downgrade.map(|downgrade| downgrade.reason)) {
        (Status::Pending, _) if order.pending_since().is_some() => {
            words.pick("付款處理中。", "Your payment is in progress.").to_owned()
        }
        (Status::Pending, _) => words.pick("尚未收到付款。", "Not paid yet.").to_owned(),
        (Status::Failed, _) => words
            .pick("首次付款未完成，方案未啟用。", "The first payment was not completed, so the plan did not start.")
            .to_owned(),
        // What is in progress is said beside; a payment as well could be a second one.
        (Status::PastDue { .. }, _) if order.is_result_open(now) => {
            words.pick("扣款未成功。", "A charge failed.").to_owned()
        }
        (Status::PastDue { grace_ends_at }, _) if grace_ends_at > now => {
            let end = grace_ends_at.to_local(Zone::Taipei);
            words.pick(
                format!("扣款未成功。{plan} 保留至 {end}（台北時間），請在此之前付款。"),
                format!("A charge failed. {plan} stays active until {end} (Taipei time); please pay before then."),
            )
        }
        (Status::PastDue { .. }, _) => {
            words.pick("扣款未成功，請儘快付款。", "A charge failed. Please pay now.").to_owned()
        }
        (Status::Active, Some(DowngradeReason::PaymentFailure)) => words.pick(
            format!("因未收到付款，{plan} 已停用；付款後即恢復。"),
            format!("{plan} is off because a payment is missing. It returns as soon as you pay."),
        ),
        (Status::Active, Some(DowngradeReason::NotCharged)) => words.pick(
            format!("綠界尚未扣款，{plan} 暫停使用；您沒有未付的款項，扣款成功後即恢復。"),
            format!(
                "{plan} is off because ECPay has made no charge. You owe nothing; it returns with the next charge."
            ),
        ),
        (Status::Active, Some(DowngradeReason::Refunded)) => {
            words.pick(format!("款項已退回，{plan} 已停用。"), format!("The payment was refunded, and {plan} is off."))
        }
        (Status::Active, None) => match order.paid_period().map(|period| period.to) {
            Some(until) if until >= now.day(Zone::Taipei) => {
                words.pick(format!("使用中，已付費至 {until}。"), format!("Active, paid until {until}."))
            }
            Some(due) => words.pick(
                format!("使用中；綠界尚未進行 {due} 的扣款。"),
                format!("Active; ECPay has not made the charge of {due} yet."),
            ),
            None => words.pick("使用中。", "Active.").to_owned(),
        },
        (Status::Cancelled | Status::Completed, _) => {
            words.pick("已終止，", "Ended: ").to_owned() + &no_charges(words, order, now)
        }
    }
}

/// Sentence about the consequence of a cancellation.
pub(super) fn consequence(words: Words, order: &Subscription, now: Timestamp) -> String {
    words.pick("取消後", "After a cancellation ").to_owned() + &no_charges(words, order, now)
}

/// Rest of a sentence: no further charge is made, and how long the plan stays.
fn no_charges(words: Words, order: &Subscription, now: Timestamp) -> String {
    let charges = if order.is_result_open(now) {
        words.pick("除處理中的扣款外，不再扣款", "there are no further charges apart from the one in progress")
    } else {
        words.pick("不再扣款", "there are no further charges")
    };
    let paid_until = order.paid_period().map(|period| period.to).filter(|until| *until >= now.day(Zone::Taipei));
    let stays = match (order.status, paid_until) {
        (Status::PastDue { grace_ends_at }, _) if grace_ends_at > now => {
            let end = grace_ends_at.to_local(Zone::Taipei);
            Some(words.pick(format!("{end}（台北時間）"), format!("{end} (Taipei time)")))
        }
        (Status::PastDue { .. }, _) => None,
        (_, Some(until)) if !order.plan.is_free() => Some(until.to_string()),
        (_, _) => None,
    };
    match stays {
        Some(until) => words
            .pick(format!("{charges}；方案可使用至 {until}。"), format!("{charges}. The plan stays until {until}.")),
        None => words.pick(format!("{charges}。"), format!("{charges}.")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use shared::domain::billing::plan::{BillingCycle, PriceTable};
    use shared::domain::billing::subscription::{NewOrder, Terms};
    use shared::domain::values::ids::{EmailAddress, MerchantId, SubscriptionId, UserId};

    use super::*;

    const TODAY: &str = "2025-02-10T02:00:00Z";

    /// A monthly order, paid on 15 January 2025, with these changes.
    fn order(changes: Value) -> Subscription {
        let prices = PriceTable::parse(r#"{"PRO":{"monthly":899,"annual":8999}}"#).unwrap();
        let (plan, price) = prices.find("PRO", BillingCycle::Monthly).unwrap();
        let new = NewOrder {
            id: SubscriptionId::parse("DKPAGE").unwrap(),
            user: UserId::parse("user").unwrap(),
            email: EmailAddress::parse("a@customer.example").unwrap(),
            locale: Locale::ZhTw,
            merchant: MerchantId::parse("3002607").unwrap(),
            terms: Terms { plan, cycle: BillingCycle::Monthly, price, exec_times: 99, monthly_price: Some(price) },
            replaces: None,
            purchase: None,
            offered_until: None,
        };
        let mut stored = json!(Subscription::ordered(new, Timestamp::parse("2025-01-15T02:00:00Z").unwrap()));
        let paid = json!({
            "status": "active", "plan": "PRO",
            "charge_history": {
                "anchor": "2025-01-15", "successes": 1, "reported_successes": 1,
                "last_success_at": "2025-01-15T02:05:00Z", "recent_successes": ["2025-01-15T02:05:00Z"],
            },
        });
        merge(&mut stored, &paid);
        merge(&mut stored, &changes);
        serde_json::from_value(stored).unwrap()
    }

    fn merge(into: &mut Value, changes: &Value) {
        match (into.as_object_mut(), changes.as_object()) {
            (Some(fields), Some(changes)) if !changes.contains_key("past_due") => {
                for (name, change) in changes {
                    merge(fields.entry(name).or_insert(Value::Null), change);
                }
            }
            _ => *into = changes.clone(),
        }
    }

    fn past_due(grace_ends_at: &str) -> Value {
        let failures = json!([{ "at": "2025-02-10T01:00:00Z", "class": "soft_decline", "rtn_code": "10100252" }]);
        json!({ "status": { "past_due": { "grace_ends_at": grace_ends_at } }, "charge_history": { "failures": failures } })
    }

    fn downgraded(reason: &str) -> Value {
        json!({ "plan": "FREE", "downgrade": { "at": "2025-02-09T02:00:00Z", "reason": reason } })
    }

    fn with(mut one: Value, other: Value) -> Value {
        merge(&mut one, &other);
        one
    }

    /// State of an order with these changes at that time, in Chinese and English.
    type Case = (Value, &'static str, &'static str, &'static str);

    fn assert_said(cases: &[Case]) {
        for (changes, now, zh, en) in cases {
            let (order, now) = (order(changes.clone()), Timestamp::parse(now).unwrap());
            assert_eq!(Locale::ALL.map(|locale| state(Words::of(locale), &order, now)), [*zh, *en]);
        }
    }

    #[test]
    fn a_plan_that_is_on_has_a_true_sentence_in_both_languages() {
        let cancelled = || json!({ "cancel_requested": "2025-02-01T02:00:00Z" });
        let retry =
            json!({ "retry": { "requested_at": "2025-02-10T01:30:00Z", "state": "accepted", "covered_before": null } });
        let late = "2025-02-18T02:00:00Z";
        let last_period = "本期為最後一期，不再扣款；方案可使用至 2025-02-15。";
        assert_said(&[
            (json!({}), TODAY, "使用中，已付費至 2025-02-15。", "Active, paid until 2025-02-15."),
            (
                json!({}),
                late,
                "使用中；綠界尚未進行 2025-02-15 的扣款。",
                "Active; ECPay has not made the charge of 2025-02-15 yet.",
            ),
            (
                cancelled(),
                TODAY,
                "已申請取消，不再扣款；方案可使用至 2025-02-15。",
                "Cancelled: there are no further charges. The plan stays until 2025-02-15.",
            ),
            (
                with(cancelled(), with(past_due("2025-02-17T02:00:00Z"), retry)),
                TODAY,
                "已申請取消，除處理中的扣款外，不再扣款；方案可使用至 2025-02-17 10:00（台北時間）。",
                "Cancelled: there are no further charges apart from the one in progress. The plan stays until \
                 2025-02-17 10:00 (Taipei time).",
            ),
            (
                json!({ "ended": { "at": "2025-02-01T02:00:00Z", "how": "cancelled" } }),
                TODAY,
                last_period,
                "This is the last period: there are no further charges. The plan stays until 2025-02-15.",
            ),
            (
                json!({ "terms": { "exec_times": 1 } }),
                TODAY,
                last_period,
                "This is the last period: there are no further charges. The plan stays until 2025-02-15.",
            ),
            (
                past_due("2025-02-17T02:00:00Z"),
                TODAY,
                "扣款未成功。PRO 保留至 2025-02-17 10:00（台北時間），請在此之前付款。",
                "A charge failed. PRO stays active until 2025-02-17 10:00 (Taipei time); please pay before then.",
            ),
            (
                with(
                    past_due("2025-02-17T02:00:00Z"),
                    json!({ "ended": { "at": "2025-02-10T01:30:00Z", "how": "cancelled" } }),
                ),
                TODAY,
                "扣款未成功。PRO 保留至 2025-02-17 10:00（台北時間），請在此之前付款。",
                "A charge failed. PRO stays active until 2025-02-17 10:00 (Taipei time); please pay before then.",
            ),
            (past_due("2025-02-17T02:00:00Z"), late, "扣款未成功，請儘快付款。", "A charge failed. Please pay now."),
        ]);
    }

    #[test]
    fn a_plan_that_is_off_has_a_true_sentence_in_both_languages() {
        let late = "2025-02-18T02:00:00Z";
        assert_said(&[
            (
                downgraded("payment_failure"),
                TODAY,
                "因未收到付款，PRO 已停用；付款後即恢復。",
                "PRO is off because a payment is missing. It returns as soon as you pay.",
            ),
            (
                downgraded("not_charged"),
                TODAY,
                "綠界尚未扣款，PRO 暫停使用；您沒有未付的款項，扣款成功後即恢復。",
                "PRO is off because ECPay has made no charge. You owe nothing; it returns with the next charge.",
            ),
            (downgraded("refunded"), TODAY, "款項已退回，PRO 已停用。", "The payment was refunded, and PRO is off."),
            (
                json!({ "status": "cancelled", "plan": "FREE" }),
                late,
                "已終止，不再扣款。",
                "Ended: there are no further charges.",
            ),
            (json!({ "status": "pending" }), TODAY, "尚未收到付款。", "Not paid yet."),
            (
                json!({ "status": "failed" }),
                TODAY,
                "首次付款未完成，方案未啟用。",
                "The first payment was not completed, so the plan did not start.",
            ),
            (
                json!({ "superseded_by": "DKOTHER", "plan": "FREE" }),
                TODAY,
                "已由新的訂閱取代。",
                "Replaced by your new subscription.",
            ),
        ]);
    }
}
