//! The fields of ECPay's callbacks, with their roles.

/// One field and its flags.
pub(super) struct Field {
    pub(super) name: &'static str,
    /// True if a decision depends on it: the identity of a report is made from these fields, and no true value of them has
    /// a `&`.
    pub(super) is_used_in_decisions: bool,
    /// Kept when the customer's data are erased: amount, time, numbers and result of a charge, no personal data.
    is_accounting: bool,
    /// True for text that the merchant chose and ECPay only returns: it may look like a form.
    pub(super) is_free_text: bool,
    /// Added to a stored report by this product; ECPay does not send it.
    is_own: bool,
}

impl Field {
    const fn new(name: &'static str) -> Self {
        Self { name, is_used_in_decisions: false, is_accounting: false, is_free_text: false, is_own: false }
    }

    const fn used_in_decisions(self) -> Self {
        Self { is_used_in_decisions: true, ..self }
    }

    const fn accounting(self) -> Self {
        Self { is_accounting: true, ..self }
    }

    const fn free_text(self) -> Self {
        Self { is_free_text: true, ..self }
    }

    const fn own(self) -> Self {
        Self { is_own: true, ..self }
    }
}

/// Fields of both callbacks, with those of NeedExtraPaidInfo (<https://developers.ecpay.com.tw/?p=5675>). Names are compared
/// without regard to letter case, which CheckMacValue does not cover: `gwsr` is `Gwsr` in older callbacks.
const FIELDS: [Field; 53] = [
    Field::new("MerchantID").used_in_decisions().accounting(),
    Field::new("MerchantTradeNo").used_in_decisions().accounting(),
    Field::new("StoreID"),
    Field::new("RtnCode").used_in_decisions().accounting(),
    Field::new("RtnMsg").accounting(),
    Field::new("TradeNo").accounting(),
    Field::new("TradeAmt").used_in_decisions().accounting(),
    Field::new("PaymentDate").used_in_decisions().accounting(),
    Field::new("PaymentType").accounting(),
    Field::new("PaymentTypeChargeFee").accounting(),
    Field::new("TradeDate").used_in_decisions().accounting(),
    Field::new("PlatformID"),
    Field::new("SimulatePaid").used_in_decisions().accounting(),
    Field::new("CustomField1").free_text(),
    Field::new("CustomField2").free_text(),
    Field::new("CustomField3").free_text(),
    Field::new("CustomField4").free_text(),
    Field::new("CheckMacValue"),
    Field::new("process_date").used_in_decisions().accounting(),
    Field::new("auth_code"),
    Field::new("eci"),
    Field::new("card4no").used_in_decisions(),
    Field::new("card6no"),
    Field::new("stage"),
    Field::new("stast"),
    Field::new("staed"),
    Field::new("red_dan"),
    Field::new("red_de_amt"),
    Field::new("red_ok_amt"),
    Field::new("red_yet"),
    Field::new("PeriodType").accounting(),
    Field::new("Frequency").accounting(),
    Field::new("ExecTimes").used_in_decisions().accounting(),
    Field::new("PeriodAmount").accounting(),
    Field::new("TotalSuccessTimes").used_in_decisions().accounting(),
    Field::new("TotalSuccessAmount").accounting(),
    Field::new("ProcessDate").used_in_decisions().accounting(),
    Field::new("AuthCode"),
    Field::new("FirstAuthAmount").accounting(),
    Field::new("gwsr").used_in_decisions().accounting(),
    Field::new("Amount").used_in_decisions().accounting(),
    Field::new("MerchantMemberID"),
    Field::new("WebATMAccBank"),
    Field::new("WebATMAccNo"),
    Field::new("WebATMBankName"),
    Field::new("ATMAccBank"),
    Field::new("ATMAccNo"),
    Field::new("PaymentNo"),
    Field::new("PayFrom"),
    Field::new("TenpayTradeNo"),
    Field::new("AlipayID"),
    Field::new("AlipayTradeNo"),
    Field::new("Reason").accounting().own(),
];

/// Returns the field of ECPay with this name, letter case aside.
pub(super) fn sent_by_ecpay(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| !field.is_own && field.name.eq_ignore_ascii_case(name))
}

/// Returns the names of the fields that decisions depend on.
pub(super) fn used_in_decisions() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().filter(|field| field.is_used_in_decisions).map(|field| field.name)
}

/// True if a field is kept when the customer's data are erased.
#[must_use]
pub fn is_accounting_field(name: &str) -> bool {
    FIELDS.iter().any(|field| field.is_accounting && field.name.eq_ignore_ascii_case(name))
}
