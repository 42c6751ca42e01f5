//! Explanation of a subscription in a few sentences: state, next action, its time and reason, in three languages.

use serde::Serialize;
use shared::domain::billing::dunning::arrears::Arrears;
use shared::domain::billing::dunning::downgrade::DowngradeReason;
use shared::domain::billing::next_action::NextAction;
use shared::domain::billing::notices::feedback::{Feedback, FeedbackKind};
use shared::domain::billing::subscription::{Status, Subscription};
use shared::domain::values::time::Zone;
use utoipa::ToSchema;

use crate::billing::subscriptions::translations::{Language, action_text, why};

/// Explanation of a subscription by language tag: its state, the next action, and the time and reason of that.
#[derive(Serialize, ToSchema)]
pub(crate) struct Explanation {
    /// Traditional Chinese as in Taiwan.
    #[serde(rename = "zh-TW")]
    #[schema(example = "PRO 使用中，已付費至 2025-04-15。不會再自動進行任何動作。")]
    zh_tw: String,
    #[schema(example = "Active on PRO, paid until 2025-04-15. No automatic action is scheduled.")]
    en: String,
    /// Indonesian, the language of the workshop.
    #[schema(example = "Paket PRO aktif, dibayar sampai 2025-04-15. Tidak ada yang terjadi dengan sendirinya.")]
    id: String,
}

impl Explanation {
    /// The explanation in one language.
    pub(crate) fn in_language(&self, language: Language) -> &str {
        match language {
            Language::ZhTw => &self.zh_tw,
            Language::En => &self.en,
            Language::Id => &self.id,
        }
    }
}

/// Returns the explanation in all languages.
pub(crate) fn explain(order: &Subscription, next: Option<&NextAction>, mail_block: Option<&Feedback>) -> Explanation {
    let of = |language| {
        let parts = [
            Some(state(language, order)),
            exceptions(language, order),
            mail_block.map(|block| no_mail(language, block)),
            Some(next_step(language, next)),
        ];
        // Chinese sentences follow each other without a blank.
        let space = if language == Language::ZhTw { "" } else { " " };
        parts.into_iter().flatten().collect::<Vec<_>>().join(space)
    };
    Explanation { zh_tw: of(Language::ZhTw), en: of(Language::En), id: of(Language::Id) }
}

/// Sentence about an address that gets no mail.
fn no_mail(language: Language, block: &Feedback) -> String {
    let at = block.at.to_local(Zone::Taipei);
    if block.kind == FeedbackKind::Complaint {
        return language.pick(
            format!("客戶於 {at}（台北時間）將郵件回報為垃圾郵件；變更電子郵件地址前不再寄信。"),
            format!("The customer reported a mail as unwanted at {at} (Taipei); no mail is sent until the address is changed."),
            format!("Pelanggan melaporkan email sebagai spam pada {at} (waktu Taipei); email tidak dikirim sampai alamat diganti."),
        );
    }
    language.pick(
        format!("客戶的電子郵件地址自 {at}（台北時間）起無法收信；變更地址前不再寄信。"),
        format!("The customer's address takes no mail since {at} (Taipei); no mail is sent until it is changed."),
        format!("Alamat email pelanggan tidak menerima email sejak {at} (waktu Taipei); email tidak dikirim sampai alamat diganti."),
    )
}

fn next_step(language: Language, next: Option<&NextAction>) -> String {
    let Some(action) = next else {
        return language.pick(
            "不會再自動進行任何動作。",
            "No automatic action is scheduled.",
            "Tidak ada yang terjadi dengan sendirinya.",
        );
    };
    let (action_text, why) = (action_text(language, action.kind), why(language, action.why));
    let at = action.at.to_local(Zone::Taipei);
    language.pick(
        format!("下一步自 {at}（台北時間）起：{action_text}，因為{why}。"),
        format!("Next, from {at} (Taipei): {action_text}, because {why}."),
        format!("Berikutnya, mulai {at} (waktu Taipei): {action_text}, karena {why}."),
    )
}

fn state(language: Language, order: &Subscription) -> String {
    let (plan, now) = (&order.terms.plan, &order.plan);
    // First: after a replacement the old order's status no longer matters to the reader.
    if let Some(newer) = &order.superseded_by {
        return language.pick(
            format!("訂單 {newer} 已取代此訂單。"),
            format!("Replaced by order {newer}."),
            format!("Pesanan {newer} menggantikan pesanan ini."),
        );
    }
    match (order.status, order.downgrade) {
        (Status::Pending, _) => language.pick(
            format!("已訂購 {plan}，尚未得知付款。"),
            format!("{plan} ordered; no payment reported yet."),
            format!("Paket {plan} sudah dipesan; belum ada pembayaran yang diketahui."),
        ),
        (Status::Failed, _) => language.pick(
            "首次付款失敗或未完成，未開通任何方案。",
            "The first payment failed or was never made; no plan was activated.",
            "Pembayaran pertama gagal atau tidak pernah masuk; tidak ada paket yang diberikan.",
        ),
        (Status::Active, Some(downgrade)) => {
            let since = downgrade.at.to_local(Zone::Taipei);
            let reason = reason(language, downgrade.reason);
            language.pick(
                format!("因{reason}，自 {since}（台北時間）起為 FREE；付款後即恢復 {plan}。"),
                format!("On FREE since {since} (Taipei) because of {reason}; a successful payment restores {plan}."),
                format!("Paket FREE sejak {since} (waktu Taipei) karena {reason}; pembayaran mengembalikan {plan}."),
            )
        }
        (Status::Active, None) => {
            let end = order.paid_period().map_or_else(String::new, |period| period.to.to_string());
            language.pick(
                format!("{plan} 使用中，已付費至 {end}。"),
                format!("Active on {plan}, paid until {end}."),
                format!("Paket {plan} aktif, dibayar sampai {end}."),
            )
        }
        (Status::PastDue { grace_ends_at }, _) => {
            let attempts = Arrears::of(order).map_or(0, |arrears| arrears.attempts);
            let end = grace_ends_at.to_local(Zone::Taipei);
            language.pick(
                format!("最近一期扣款已失敗 {attempts} 次；{plan} 保留至寬限期結束 {end}（台北時間）。"),
                format!("The latest charge failed {attempts} time(s); {plan} stays active until the grace period ends at {end} (Taipei)."),
                format!("Penagihan terakhir gagal {attempts} kali; {plan} tetap berlaku sampai masa tenggang berakhir {end} (waktu Taipei)."),
            )
        }
        (Status::Cancelled, _) => language.pick(
            format!("綠界訂單已終止；客戶目前為 {now}。"),
            format!("The order has ended at ECPay; the customer is on {now}."),
            format!("Pesanan di ECPay sudah berakhir; pelanggan memakai paket {now}."),
        ),
        (Status::Completed, _) => language.pick(
            format!("已完成全部扣款；客戶目前為 {now}。"),
            format!("All ordered charges were made; the customer is on {now}."),
            format!("Semua penagihan yang dipesan sudah dilakukan; pelanggan memakai paket {now}."),
        ),
    }
}

/// Sentences about a requested cancellation, a pause and a failing task; `None` if there is none of them.
fn exceptions(language: Language, order: &Subscription) -> Option<String> {
    let is_open = order.ended.is_none() && order.superseded_by.is_none();
    let requested = if is_open { order.cancel_requested } else { None };
    let paused = if order.is_live() { order.paused } else { None };
    let pause = paused.map(|pause| {
        let until = pause.until.to_local(Zone::Taipei);
        language.pick(
            format!("客服已暫停催收至 {until}（台北時間）。"),
            format!("Dunning is paused by staff until {until} (Taipei)."),
            format!("Petugas menahan penagihan ulang sampai {until} (waktu Taipei)."),
        )
    });
    let failure = order.task_failure.as_ref().map(|failure| {
        let (since, task, reason) = (failure.since.to_local(Zone::Taipei), failure.task.as_str(), &failure.reason);
        language.pick(
            format!("{task} 自 {since}（台北時間）起無法執行：{reason}。"),
            format!("The task {task} has been failing since {since} (Taipei): {reason}."),
            format!("Tugas {task} tidak dapat dilakukan sejak {since} (waktu Taipei): {reason}."),
        )
    });
    let cancellation = requested.map(|at| {
        let at = at.to_local(Zone::Taipei);
        // As `undo-cancel` decides.
        if order.cancel.is_none() && order.charge_history.last_refund_due_at <= order.cancel_requested {
            return language.pick(
                format!("客戶於 {at}（台北時間）要求取消；尚未向綠界提出，可以撤回。"),
                format!("The customer requested cancellation at {at} (Taipei); it is not requested from ECPay yet and can be undone."),
                format!("Pelanggan meminta pembatalan pada {at} (waktu Taipei); masih dapat dibatalkan sebelum diminta ke ECPay."),
            );
        }
        language.pick(
            format!("客戶於 {at}（台北時間）要求取消，等待綠界確認。"),
            format!("The customer requested cancellation at {at} (Taipei); ECPay has not confirmed it yet."),
            format!("Pelanggan meminta pembatalan pada {at} (waktu Taipei); ECPay belum mengonfirmasi."),
        )
    });
    let all: Vec<String> = [cancellation, pause, failure].into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join(if language == Language::ZhTw { "" } else { " " }))
}

fn reason(language: Language, reason: DowngradeReason) -> String {
    match reason {
        DowngradeReason::PaymentFailure => language.pick("付款失敗", "a failed payment", "pembayaran gagal"),
        DowngradeReason::NotCharged => {
            language.pick("綠界未扣款", "a charge that ECPay did not make", "penagihan yang tidak pernah dilakukan")
        }
        DowngradeReason::Refunded => language.pick("已退款", "a refund", "pengembalian dana"),
    }
}
