//! The result codes the simulator knows and the texts that go with them.

/// Code of a successful authorisation.
pub(super) const PAID: &str = "1";
/// Code of an authorisation whose result is still open.
pub(super) const PENDING: &str = "10300066";
/// Code for an unknown order.
pub(super) const NOT_FOUND: &str = "10200047";
/// The order's first charge failed.
pub(super) const NOT_ESTABLISHED: &str = "10200095";
/// The signature does not fit.
pub(super) const BAD_MAC: &str = "10200073";
/// A parameter is unknown or outside its limits.
pub(super) const BAD_PARAMETER: &str = "10100050";
/// The merchant is not ours.
pub(super) const BAD_MERCHANT: &str = "10200051";
/// The request is older or newer than its window allows.
pub(super) const BAD_TIME: &str = "10200009";
/// A request to act on an order that fails its checks.
pub(super) const BAD_ACTION: &str = "10200083";
/// The order has been stopped already.
pub(super) const STOPPED: &str = "90100149";
/// The order is in no state for this.
pub(super) const WRONG_STATE: &str = "10200003";

/// The text ECPay puts beside the code of an authorisation.
pub(super) fn rtn_msg(code: &str) -> &'static str {
    match code {
        PAID => "交易成功",
        PENDING => "付款結果尚待確認",
        "10100248" => "發卡銀行拒絕此交易，請持卡人洽詢發卡銀行",
        "10100251" => "卡片已過有效期限",
        "10100252" => "額度不足，請檢查卡片額度或餘額",
        "10100254" => "交易失敗，受發卡銀行限制",
        "10100255" => "此卡片已掛失",
        "10100256" => "此卡片已通報失竊",
        _ => "Pay Fail",
    }
}
