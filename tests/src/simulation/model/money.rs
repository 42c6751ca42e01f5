//! Money: one payment for each authorisation of ECPay's, and none without.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::Checked;
use super::table_mirror::{Mirror, instant, tag, text};
use crate::harness::TestDeployment;

/// State of an order at ECPay; `Null` for an unknown one.
pub(crate) fn view(deployment: &mut TestDeployment, id: &str) -> Value {
    deployment.ecpay(|ecpay, _| ecpay.view(id)).unwrap_or_default()
}

/// The real authorisations of an order, simulations left out.
pub(crate) fn charges(view: &Value) -> impl Iterator<Item = &Value> {
    view["charges"].as_array().into_iter().flatten().filter(|charge| charge["simulated"] == false)
}

/// True if the charge succeeded.
pub(crate) fn is_paid(charge: &Value) -> bool {
    charge["rtn_code"] == "1"
}

/// Time of a charge.
pub(crate) fn made_at(charge: &Value) -> DateTime<Utc> {
    instant(&charge["at"]).expect("an instant")
}

/// A payment that was just stored is what ECPay did, and stored once.
pub(crate) fn payment(deployment: &mut TestDeployment, mirror: &Mirror, id: &str, payment: &Value) -> Checked {
    let view = view(deployment, id);
    let at = instant(&payment["processed_at"]).ok_or("a payment without a date")?;
    let outcome = &payment["outcome"];
    let pk = format!("SUB#{id}");
    match tag(outcome) {
        "succeeded" => {
            let gwsr = text(&payment["gwsr"]);
            let same = |row: &&Value| row["data"]["gwsr"] == gwsr && tag(&row["data"]["outcome"]) == "succeeded";
            if mirror.rows(&pk, "PAYMENT#").filter(same).count() != 1 {
                return Err(format!("authorisation {gwsr} of {id} is stored twice"));
            }
            let charge = charges(&view).find(|charge| charge["gwsr"].as_u64() == gwsr.parse().ok());
            let charge = charge.ok_or_else(|| format!("ECPay made no authorisation {gwsr} of {id}"))?;
            let number = &outcome["succeeded"]["number"];
            let same = charge["success_number"] == *number && charge["amount"] == payment["amount"];
            if is_paid(charge) && same && made_at(charge) == at {
                Ok(())
            } else {
                Err(format!("payment {payment} is not ECPay's {charge}"))
            }
        }
        "failed" | "pending" => {
            let known = charges(&view).any(|charge| made_at(charge) == at);
            if known { Ok(()) } else { Err(format!("ECPay charged nothing at {at}: {payment}")) }
        }
        "paid_out_of_band" => Ok(()),
        other => Err(format!("a payment {other}")),
    }
}

/// Counters of successes never fall.
pub(crate) fn counters(old: &Value, new: &Value) -> Checked {
    let count = |order: &Value, name: &str| order["charge_history"][name].as_u64().unwrap_or(0);
    for name in ["successes", "reported_successes"] {
        if count(new, name) < count(old, name) {
            return Err(format!("{name} fell from {} to {}", count(old, name), count(new, name)));
        }
    }
    Ok(())
}

/// Checks that an acknowledged callback is stored: as a payment, or as a quarantined report.
pub(crate) fn acknowledged(deployment: &mut TestDeployment, mirror: &Mirror, fields: &[(String, String)]) -> Checked {
    let field = |name: &str| fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or("", |f| &f.1);
    let (id, gwsr) = (field("MerchantTradeNo"), field("gwsr"));
    if mirror.order(id).is_null() || field("RtnCode") != "1" {
        return Ok(());
    }
    let pk = format!("SUB#{id}");
    let paid = |row: &Value| row["data"]["gwsr"] == gwsr && tag(&row["data"]["outcome"]) == "succeeded";
    let paid = mirror.rows(&pk, "PAYMENT#").any(paid);
    let simulated = field("SimulatePaid") == "1";
    if simulated && paid {
        return Err(format!("a simulated payment of {id} was applied: {gwsr}"));
    }
    if paid || mirror.is_quarantined(id, gwsr) {
        return Ok(());
    }
    let view = view(deployment, id);
    Err(format!("the success {gwsr} of {id} was acknowledged and is nowhere; ECPay: {view}"))
}
