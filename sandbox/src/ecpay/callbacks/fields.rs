//! The fields of the two callbacks.

use crate::ecpay::calendar::taipei_text;
use crate::ecpay::form::{Fields, field};
use crate::ecpay::message::rtn_msg;
use crate::ecpay::order::{Charge, Order};

/// Fields of other ways to pay, which a card payment reports empty.
const NOT_A_CARD: [&str; 10] = [
    "WebATMAccBank",
    "WebATMAccNo",
    "WebATMBankName",
    "ATMAccBank",
    "ATMAccNo",
    "PaymentNo",
    "PayFrom",
    "TenpayTradeNo",
    "AlipayID",
    "AlipayTradeNo",
];

/// Instalments and bonus points, which a periodic order cannot have.
const ALWAYS_ZERO: [&str; 8] = ["eci", "stage", "stast", "staed", "red_dan", "red_de_amt", "red_ok_amt", "red_yet"];

/// The notice of the first charge.
pub(in crate::ecpay) fn first_fields(merchant_id: &str, order: &Order, charge: &Charge) -> Fields {
    let terms = &order.terms;
    let mut fields = custom_fields(order);
    fields.extend([
        field("MerchantID", merchant_id),
        field("MerchantTradeNo", &terms.merchant_trade_no),
        field("PaymentDate", taipei_text(charge.at)),
        field("PaymentType", "Credit_CreditCard"),
        field("PaymentTypeChargeFee", fee(charge.amount)),
        field("RtnCode", &charge.rtn_code),
        field("RtnMsg", rtn_msg(&charge.rtn_code)),
        field("SimulatePaid", if charge.simulated { "1" } else { "0" }),
        field("StoreID", &terms.store_id),
        field("TradeAmt", charge.amount.to_string()),
        field("TradeDate", taipei_text(order.created_at)),
        field("TradeNo", &order.trade_no),
    ]);
    if terms.extra_info {
        fields.extend(extra_fields(order, charge));
    }
    fields
}

/// Fields that `NeedExtraPaidInfo=Y` adds to the report of a first charge.
pub(in crate::ecpay) fn extra_fields(order: &Order, charge: &Charge) -> Fields {
    let mut fields: Fields = NOT_A_CARD.iter().map(|name| field(name, "")).collect();
    fields.extend(ALWAYS_ZERO.iter().map(|name| field(name, "0")));
    fields.extend([
        field("gwsr", charge.gwsr_text()),
        field("process_date", taipei_text(charge.at)),
        field("auth_code", charge.auth_code()),
        field("amount", charge.amount.to_string()),
        field("card4no", "2222"),
        field("card6no", "431195"),
        field("PeriodAmount", order.terms.amount.to_string()),
        field("TotalSuccessTimes", order.successes().to_string()),
        field("TotalSuccessAmount", order.success_amount().to_string()),
    ]);
    fields.extend(rhythm(order));
    fields
}

/// The notice of a later charge.
pub(in crate::ecpay) fn period_fields(merchant_id: &str, order: &Order, charge: &Charge) -> Fields {
    let terms = &order.terms;
    // A simulated payment claims the number that the next real one will have.
    let claimed = u32::from(charge.simulated && charge.gwsr.is_some());
    let successes = order.successes().saturating_add(claimed);
    let mut fields = vec![
        field("MerchantID", merchant_id),
        field("MerchantTradeNo", &terms.merchant_trade_no),
        field("StoreID", &terms.store_id),
        field("RtnCode", &charge.rtn_code),
        field("RtnMsg", rtn_msg(&charge.rtn_code)),
    ];
    fields.extend(rhythm(order));
    fields.extend([
        field("Amount", charge.amount.to_string()),
        field("gwsr", charge.gwsr_text()),
        field("ProcessDate", taipei_text(charge.at)),
        field("AuthCode", charge.auth_code()),
        field("FirstAuthAmount", order.first_amount().to_string()),
        field("TotalSuccessTimes", successes.to_string()),
    ]);
    if charge.simulated {
        fields.push(field("SimulatePaid", "1"));
    }
    fields.extend(custom_fields(order));
    fields
}

/// Period, frequency and number of executions of the order.
pub(in crate::ecpay) fn rhythm(order: &Order) -> Fields {
    vec![
        field("PeriodType", order.terms.period_type.letter()),
        field("Frequency", order.terms.frequency.to_string()),
        field("ExecTimes", order.terms.exec_times.to_string()),
    ]
}

/// The merchant's own four values.
pub(in crate::ecpay) fn custom_fields(order: &Order) -> Fields {
    let values = order.terms.custom_fields.iter();
    (1..).zip(values).map(|(number, value): (u32, _)| field(&format!("CustomField{number}"), value)).collect()
}

/// Fee that ECPay deducts from a payment; the rate is invented.
pub(in crate::ecpay) fn fee(amount: u32) -> String {
    (amount / 40).max(1).to_string()
}
