//! Callbacks: queued, sent, and sent again until they are acknowledged.

pub(in crate::ecpay) mod fields;
pub(in crate::ecpay) mod notice;

use self::fields::{first_fields, period_fields};
use self::notice::{Callback, Notice};
use crate::ecpay::form::Fields;
use crate::ecpay::order::Kind;
use crate::ecpay::simulator::Ecpay;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

const RESENDS: u32 = 4;

const RESEND_AFTER: TimeDelta = TimeDelta::minutes(10);

impl Ecpay {
    /// The callbacks to be posted now, first sends and re-sends, oldest first.
    ///
    /// Each is handed out once; `callback_answered` decides what becomes of it.
    pub fn take_due_callbacks(&mut self, now: DateTime<Utc>) -> Vec<Callback> {
        let merchant = &self.merchant;
        let waiting = self.notices.iter_mut();
        let mut due: Vec<&mut Notice> = waiting.filter(|notice| !notice.in_flight && notice.send_at <= now).collect();
        due.sort_by_key(|notice| (notice.send_at, notice.id));
        due.into_iter()
            .map(|notice| {
                notice.in_flight = true;
                notice.callback(merchant)
            })
            .collect()
    }

    /// Records the response to a callback. Status 200 with exactly `1|OK` acknowledges it; after any other it is sent
    /// again, at most four times.
    pub fn callback_answered(&mut self, id: u64, acknowledged: bool, now: DateTime<Utc>) {
        let notices = self.notices.iter_mut();
        for notice in notices.filter(|notice| notice.id == id && notice.in_flight) {
            notice.in_flight = false;
            notice.send_at = now + RESEND_AFTER;
            notice.resends = notice.resends.saturating_add(1);
            if acknowledged {
                notice.resends = u32::MAX;
            }
        }
        self.notices.retain(|notice| notice.resends <= RESENDS);
    }

    /// Instant at which the next waiting callback is to be posted.
    pub(in crate::ecpay) fn next_callback_at(&self) -> Option<DateTime<Utc>> {
        let waiting = self.notices.iter().filter(|notice| !notice.in_flight);
        waiting.map(|notice| notice.send_at).min()
    }

    /// Queues the callback of a charge. Without a URL there is none, nor while the controls lose the order's callbacks.
    pub(in crate::ecpay) fn queue_notice(
        &mut self,
        merchant_trade_no: &str,
        charge: usize,
        send_at: DateTime<Utc>,
        what: &str,
    ) -> Option<()> {
        let order = self.orders.get(merchant_trade_no)?;
        let charge = order.charges.get(charge)?;
        let (url, fields) = match charge.kind {
            Kind::First => (&order.terms.return_url, first_fields(&self.merchant.merchant_id, order, charge)),
            _ => (&order.terms.period_return_url, period_fields(&self.merchant.merchant_id, order, charge)),
        };
        let behavior = self.order_behavior.get_mut(merchant_trade_no);
        if url.is_empty() || behavior.as_ref().is_some_and(|behavior| behavior.silent) {
            return None;
        }
        let overlay = behavior.map(|behavior| std::mem::take(&mut behavior.callback));
        let fields = overlaid(fields, overlay.unwrap_or_default());
        self.notices.push(Notice {
            id: self.numbers.notice(),
            url: url.clone(),
            fields,
            merchant_trade_no: merchant_trade_no.to_owned(),
            what: what.to_owned(),
            send_at,
            resends: 0,
            in_flight: false,
        });
        Some(())
    }
}

/// The fields with those of an overlay in place of theirs or behind them; null removes one.
fn overlaid(mut fields: Fields, overlay: Map<String, Value>) -> Fields {
    for (name, given) in overlay {
        let text = match given {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        };
        let place = fields.iter().position(|(known, _)| *known == name);
        match (place, text) {
            (Some(place), None) => drop(fields.remove(place)),
            (Some(place), Some(text)) => {
                if let Some((_, value)) = fields.get_mut(place) {
                    *value = text;
                }
            }
            (None, Some(text)) => fields.push((name, text)),
            (None, None) => {}
        }
    }
    fields
}
