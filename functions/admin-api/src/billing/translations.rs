//! What tasks do and why, in the languages of staff: Taiwan's, Indonesia's, and English.

use shared::domain::billing::next_action::ActionReason;
use shared::domain::billing::task::Task;

/// A language of the explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    ZhTw,
    En,
    Id,
}

impl Language {
    /// The text of this language.
    pub(crate) fn pick(self, zh_tw: impl Into<String>, en: impl Into<String>, id: impl Into<String>) -> String {
        match self {
            Self::ZhTw => zh_tw.into(),
            Self::En => en.into(),
            Self::Id => id.into(),
        }
    }
}

/// What the task does.
pub(crate) fn action_text(language: Language, kind: Task) -> String {
    match kind {
        Task::CheckPending | Task::Reconcile => {
            language.pick("向綠界查詢扣款結果", "ECPay is asked what happened", "ECPay ditanya apa yang terjadi")
        }
        Task::Retry => language.pick("請綠界再次扣款", "ECPay is asked to charge again", "ECPay diminta menagih lagi"),
        Task::Resume => language.pick("恢復催收", "dunning goes on", "penagihan ulang dilanjutkan"),
        Task::EndGrace => language.pick("方案改為 FREE", "the plan becomes FREE", "paket menjadi FREE"),
        Task::Cancel => {
            language.pick("向綠界取消訂單", "the order is cancelled at ECPay", "pesanan dibatalkan di ECPay")
        }
        Task::CleanUp => {
            language.pick("刪除舊的回呼記錄", "old callback logs are deleted", "log callback lama dihapus")
        }
        Task::SendMail => language.pick("寄送郵件", "mail is sent", "email dikirim"),
    }
}

/// Why it is next.
#[expect(clippy::too_many_lines, reason = "a table of texts")]
pub(crate) fn why(language: Language, why: ActionReason) -> String {
    match why {
        ActionReason::RetryOpen => language.pick(
            "已請求重試扣款，結果未定",
            "a retry was asked and its result is still to come",
            "penagihan ulang sudah diminta dan hasilnya belum ada",
        ),
        ActionReason::TriedAgain => language.pick(
            "先前無法執行，屆時再試",
            "it could not be done and is tried again then",
            "sebelumnya tidak dapat dilakukan dan dicoba lagi saat itu",
        ),
        ActionReason::NotReported => language.pick(
            "尚未收到首次扣款的通知",
            "the first charge has not been reported",
            "penagihan pertama belum dilaporkan",
        ),
        ActionReason::NotPaidInTime => language.pick(
            "一天內未付款的訂單會作廢",
            "an order that is not paid within a day is given up",
            "pesanan yang tidak dibayar dalam sehari dihapuskan",
        ),
        ActionReason::CancelAskedBefore => language.pick(
            "方案恢復前曾請求取消",
            "a cancellation was asked before the plan came back",
            "pembatalan sudah diminta sebelum paket kembali",
        ),
        ActionReason::SuccessMissing => language.pick(
            "有一筆成功扣款未曾通知",
            "an earlier success was never reported",
            "ada penagihan berhasil yang tidak pernah dilaporkan",
        ),
        ActionReason::ChargeLate => language.pick(
            "逾期一天的扣款需查詢",
            "a charge that is a day late is asked about",
            "penagihan yang terlambat sehari ditanyakan",
        ),
        ActionReason::PeriodEnds => language.pick(
            "訂單已終止且付費期間屆滿",
            "the order is over and the paid period ends",
            "pesanan sudah berakhir dan masa yang dibayar habis",
        ),
        ActionReason::RetryDay => language.pick(
            "扣款失敗，依政策日程重試",
            "the charge failed and is tried again on the days of the policy",
            "penagihan gagal dan dicoba lagi pada hari-hari yang ditetapkan",
        ),
        ActionReason::GraceEnds => language.pick(
            "寬限期結束仍未付款",
            "the grace period ends unpaid",
            "masa tenggang berakhir tanpa pembayaran",
        ),
        ActionReason::PauseEnds => language.pick(
            "客服暫停催收至該時",
            "staff hold dunning until then",
            "petugas menahan penagihan ulang sampai saat itu",
        ),
        ActionReason::Replaced => {
            language.pick("新訂單已取代此訂單", "a new order took its place", "pesanan baru menggantikannya")
        }
        ActionReason::CancelRequested => language.pick(
            "客戶要求終止訂單",
            "the customer wishes to end the order",
            "pelanggan ingin mengakhiri pesanan",
        ),
        ActionReason::OnFree => language.pick(
            "客戶已為 FREE，不得再扣款",
            "the customer is on FREE and must not be charged again",
            "pelanggan memakai FREE dan tidak boleh ditagih lagi",
        ),
        ActionReason::Erased => {
            language.pick("訂戶資料已刪除", "the person behind it was erased", "data orangnya sudah dihapus")
        }
        ActionReason::CancelUnconfirmed => language.pick(
            "已請求取消，尚未確認",
            "the cancellation was asked and is not confirmed yet",
            "pembatalan sudah diminta dan belum dikonfirmasi",
        ),
    }
}
