//! Texts of tasks and their reasons in the languages of staff: Traditional Chinese, English and Indonesian.

use shared::domain::billing::next_action::ActionReason;
use shared::domain::billing::task::Task;

/// Language of an explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    ZhTw,
    En,
    Id,
}

impl Language {
    /// Selects the text of this language.
    pub(crate) fn pick(self, zh_tw: impl Into<String>, en: impl Into<String>, id: impl Into<String>) -> String {
        match self {
            Self::ZhTw => zh_tw.into(),
            Self::En => en.into(),
            Self::Id => id.into(),
        }
    }
}

/// Effect of a task, a main clause without a full stop.
pub(crate) fn action_text(language: Language, kind: Task) -> String {
    match kind {
        Task::CheckPending | Task::Reconcile => {
            language.pick("向綠界查詢扣款結果", "ECPay is queried", "ECPay ditanya apa yang terjadi")
        }
        Task::Retry => language.pick("請綠界再次扣款", "a retry is requested from ECPay", "ECPay diminta menagih lagi"),
        Task::Resume => language.pick("恢復催收", "dunning resumes", "penagihan ulang dilanjutkan"),
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

/// Reason of a next action, a clause that follows "because".
#[expect(clippy::too_many_lines, reason = "one table of texts")]
pub(crate) fn why(language: Language, why: ActionReason) -> String {
    match why {
        ActionReason::RetryResultPending => language.pick(
            "已請求重試扣款，結果未定",
            "a retry was requested and its result is not known yet",
            "penagihan ulang sudah diminta dan hasilnya belum ada",
        ),
        ActionReason::PreviousAttemptFailed => language.pick(
            "先前無法執行，屆時再試",
            "previous attempt failed; will be retried at this time",
            "sebelumnya tidak dapat dilakukan dan dicoba lagi saat itu",
        ),
        ActionReason::FirstChargeNotReported => language.pick(
            "尚未收到首次扣款的通知",
            "the first charge has not been reported",
            "penagihan pertama belum dilaporkan",
        ),
        ActionReason::UnpaidOrderExpires => language.pick(
            "一天內未付款的訂單會作廢",
            "unpaid orders expire after one day",
            "pesanan yang tidak dibayar dalam sehari dihapuskan",
        ),
        ActionReason::LinkEnds => {
            language.pick("付款連結屆時失效", "the payment link ends then", "tautan pembayaran berakhir saat itu")
        }
        ActionReason::CancelRequestedBeforePayment => language.pick(
            "方案恢復前曾請求取消",
            "a cancellation was requested before the plan was restored",
            "pembatalan sudah diminta sebelum paket kembali",
        ),
        ActionReason::SuccessMissing => language.pick(
            "有一筆成功扣款未曾通知",
            "an earlier successful charge was never reported",
            "ada penagihan berhasil yang tidak pernah dilaporkan",
        ),
        ActionReason::AnnualChargeAhead => language.pick(
            "年繳扣款將至，查詢後通知客戶",
            "an annual charge is ahead, of which the customer is notified after a query",
            "penagihan tahunan mendekat, dan pelanggan diberi tahu",
        ),
        ActionReason::ChargeOverdue => language.pick(
            "逾期一天的扣款需查詢",
            "a charge that is not reported within a day of its due day is looked up",
            "penagihan yang terlambat sehari ditanyakan",
        ),
        ActionReason::ChargeDayUnexplained => language.pick(
            "最近一次扣款不在扣款日，需查明原因",
            "the latest charge came off its due date, and a query shows whether the charge day was moved",
            "penagihan terakhir tidak pada tanggalnya, dan sebabnya ditanyakan",
        ),
        ActionReason::EndSuspected => language.pick(
            "綠界可能已終止此訂單",
            "ECPay may have ended the order",
            "ECPay mungkin sudah mengakhiri pesanan",
        ),
        ActionReason::DowngradeAhead => language.pick(
            "降級之前再查詢一次",
            "the order is queried once more before a downgrade",
            "pesanan ditanyakan sekali lagi sebelum turun ke FREE",
        ),
        ActionReason::AwaitsCharge => language.pick(
            "綠界尚未扣款，扣款後即恢復方案",
            "ECPay has made no charge; the plan returns as soon as it does",
            "ECPay belum menagih; paket kembali begitu penagihan berhasil",
        ),
        ActionReason::NothingNewYet => language.pick(
            "先前查無新結果，屆時再查",
            "the previous query brought nothing new",
            "pertanyaan sebelumnya tidak membawa hal baru",
        ),
        ActionReason::PaidPeriodEnds => language.pick(
            "訂單已終止且付費期間屆滿",
            "the order has ended and the paid period ends",
            "pesanan sudah berakhir dan masa yang dibayar habis",
        ),
        ActionReason::RetryScheduled => language.pick(
            "扣款失敗，依政策日程重試",
            "the charge failed and is retried on the days of the policy",
            "penagihan gagal dan dicoba lagi pada hari-hari yang ditetapkan",
        ),
        ActionReason::GraceEnds => language.pick(
            "寬限期結束仍未付款",
            "the grace period ends without payment",
            "masa tenggang berakhir tanpa pembayaran",
        ),
        ActionReason::PauseEnds => language.pick(
            "客服暫停催收至該時",
            "staff paused dunning until then",
            "petugas menahan penagihan ulang sampai saat itu",
        ),
        ActionReason::Replaced => {
            language.pick("新訂單已取代此訂單", "a new order replaced it", "pesanan baru menggantikannya")
        }
        ActionReason::CancelRequested => language.pick(
            "客戶要求終止訂單",
            "the customer requested cancellation",
            "pelanggan ingin mengakhiri pesanan",
        ),
        ActionReason::DowngradedToFree => language.pick(
            "客戶已為 FREE，不得再扣款",
            "the customer is on FREE and must not be charged again",
            "pelanggan memakai FREE dan tidak boleh ditagih lagi",
        ),
        ActionReason::UserErased => {
            language.pick("訂戶資料已刪除", "the customer's data was erased", "data orangnya sudah dihapus")
        }
        ActionReason::CancelUnconfirmed => language.pick(
            "已請求取消，尚未確認",
            "cancellation was requested and is not confirmed yet",
            "pembatalan sudah diminta dan belum dikonfirmasi",
        ),
    }
}
