//! Sentences of history entries in the languages of staff. The English ones are those of the rules themselves.

use shared::domain::billing::rule::Rule;

use crate::billing::subscriptions::translations::Language;

/// Sentence about what a rule did.
pub(crate) fn sentence(language: Language, rule: Rule) -> &'static str {
    let [zh_tw, id] = translations(rule);
    match language {
        Language::ZhTw => zh_tw,
        Language::En => rule.sentence(),
        Language::Id => id,
    }
}

/// Sentence about what the rule of a name did; `None` where there is no such rule.
pub(crate) fn sentence_of(language: Language, name: &str) -> Option<&'static str> {
    let rule = Rule::ALL.iter().find(|rule| rule.as_str() == name);
    rule.map(|rule| sentence(language, *rule))
}

/// Sentences in Traditional Chinese and Indonesian.
#[expect(clippy::too_many_lines, reason = "one table of texts")]
const fn translations(rule: Rule) -> [&'static str; 2] {
    match rule {
        Rule::OrderCreated => ["訂單已建立，等待首次扣款", "pesanan dibuat; menunggu penagihan pertama"],
        Rule::OrderAdopted => ["客服接管綠界已在扣款的訂單", "petugas mengambil alih pesanan yang sudah ditagih ECPay"],
        Rule::FirstChargePaid => ["首次扣款成功，方案已開通", "penagihan pertama berhasil; paket aktif"],
        Rule::FirstChargeFailed => ["首次授權失敗，方案未開通", "otorisasi pertama gagal; paket tidak diaktifkan"],
        Rule::ResultPending => ["綠界尚未得知這筆扣款的結果", "ECPay belum tahu hasil penagihan ini"],
        Rule::Renewed => ["定期扣款成功", "penagihan berkala berhasil"],
        Rule::LateSuccess => {
            ["遲來的成功通知，狀態已較新", "laporan berhasil yang terlambat; keadaan sudah lebih baru"]
        }
        Rule::ArrearsPaid => ["欠款已付清", "tunggakan sudah dibayar"],
        Rule::PlanRestored => ["付款成功，方案由 FREE 恢復", "pembayaran berhasil; paket kembali dari FREE"],
        Rule::RefundDue => [
            "訂單已終止或已取消後仍有扣款，應退款",
            "ada penagihan untuk pesanan yang berakhir atau dibatalkan: dana harus dikembalikan",
        ],
        Rule::GraceBegan => ["第一次扣款失敗，寬限期開始", "penagihan gagal pertama kali: masa tenggang dimulai"],
        Rule::GraceExtendedOnce => {
            ["第二次扣款失敗，寬限期延長一次", "penagihan gagal kedua kali: masa tenggang diperpanjang sekali"]
        }
        Rule::LastWarning => {
            ["第三次扣款失敗，已警告客戶即將降級", "penagihan gagal ketiga kali: pelanggan diberi peringatan terakhir"]
        }
        Rule::FailureRecorded => {
            ["扣款失敗已記錄，寬限期與方案不變", "kegagalan dicatat; masa tenggang dan paket tidak berubah"]
        }
        Rule::SixthFailure => [
            "第六次扣款失敗，綠界可能終止訂單，將查詢",
            "penagihan gagal keenam kali: ECPay mungkin mengakhiri pesanan; akan ditanyakan",
        ],
        Rule::GraceEnded => ["寬限期結束仍未付款，降為 FREE", "turun ke FREE: masa tenggang habis tanpa pembayaran"],
        Rule::DowngradePostponed => {
            ["延後降級：等待向綠界查詢或寄出首封通知", "penurunan ditunda: menunggu jawaban ECPay atau email pertama"]
        }
        Rule::NotCharged => [
            "應扣款日後一週綠界仍未扣款，降為 FREE",
            "turun ke FREE: ECPay tidak menagih dalam seminggu sejak tanggalnya",
        ],
        Rule::ChargeLate => [
            "應扣款日後三天仍無扣款通知，已通知客服",
            "tiga hari setelah tanggalnya belum ada laporan penagihan; petugas diberi tahu",
        ],
        Rule::ChargeAnnounced => ["年繳扣款將至，已通知客戶", "penagihan tahunan mendekat; pelanggan diberi tahu"],
        Rule::SuccessMissing => {
            ["綠界計有一筆成功扣款，但紀錄中沒有", "ECPay menghitung penagihan berhasil yang tidak ada di catatannya"]
        }
        Rule::SuccessProven => [
            "綠界回報一筆無法記錄的成功扣款，該期視為已付",
            "ECPay melaporkan penagihan berhasil yang tidak bisa dicatat; masanya dianggap dibayar",
        ],
        Rule::NothingNew => ["已向綠界查詢，沒有新結果", "ECPay ditanya: tidak ada yang baru"],
        Rule::RetryRequested => ["已請綠界再次扣款", "penagihan ulang diminta ke ECPay"],
        Rule::RetryAccepted => {
            ["綠界已受理再次扣款，結果稍後通知", "ECPay menerima penagihan ulang; hasilnya menyusul"]
        }
        Rule::RetryRefused => ["綠界未受理再次扣款", "ECPay menolak penagihan ulang"],
        Rule::RetryPostponed => {
            ["綠界暫時無法使用，仍會再次扣款", "ECPay tidak tersedia; penagihan ulang tetap dijadwalkan"]
        }
        Rule::RetryOutcomeUnknown => {
            ["再次扣款的請求結果不明，將查詢", "hasil permintaan penagihan ulang tidak diketahui; akan ditanyakan"]
        }
        Rule::RetryWithoutResult => ["再次扣款後一天內沒有結果", "tidak ada hasil penagihan ulang dalam sehari"],
        Rule::CancelRequestedAtEcpay => ["已向綠界提出取消", "pembatalan diminta ke ECPay"],
        Rule::CancelUnconfirmed => [
            "下次扣款前取消仍未獲確認，已通知客服",
            "pembatalan belum dikonfirmasi menjelang penagihan berikutnya; petugas diberi tahu",
        ],
        Rule::CancelOvertaken => [
            "提出取消後客戶已付款，訂單在綠界仍有效，繼續",
            "dibayar setelah pembatalan diminta; pesanan masih aktif di ECPay dan berlanjut",
        ],
        Rule::OrderOver => ["綠界確認訂單已終止", "ECPay mengonfirmasi pesanan sudah berakhir"],
        Rule::PaidPeriodEnded => ["已付費期間屆滿，方案隨之結束", "masa yang dibayar habis, dan paket berakhir"],
        Rule::StillPending => ["已向綠界查詢，仍未付款", "ECPay ditanya: belum dibayar"],
        Rule::OrderExpired => ["一天內未付款，訂單作廢", "tidak dibayar dalam sehari: pesanan hangus"],
        Rule::LinkEnded => {
            ["付款連結已失效，所提供的訂單作廢", "tautan pembayaran berakhir: pesanan yang ditawarkan hangus"]
        }
        Rule::Superseded => ["由新訂單取代", "digantikan pesanan baru"],
        Rule::GraceExtendedByStaff => ["客服延長寬限期", "petugas memperpanjang masa tenggang"],
        Rule::DunningPaused => [
            "客服暫停催收：不自動重試，不降級",
            "petugas menahan penagihan ulang: tidak ada percobaan otomatis, tidak turun ke FREE",
        ],
        Rule::DunningResumed => {
            ["催收恢復，暫停的天數加到寬限期", "penagihan ulang dilanjutkan; hari jeda ditambahkan ke masa tenggang"]
        }
        Rule::CancelRequested => ["客戶要求取消", "pelanggan meminta pembatalan"],
        Rule::CancelUndone => ["客戶撤回取消，訂單繼續", "pelanggan menarik pembatalan; pesanan berlanjut"],
        Rule::TermsChanged => ["客服登記訂單的新條件", "petugas mencatat ketentuan baru"],
        Rule::Refunded => ["客服登記退款", "petugas mencatat pengembalian dana"],
        Rule::RefundedAndEnded => [
            "客服登記退款並結束方案，降為 FREE",
            "turun ke FREE: petugas mencatat pengembalian dana dan mengakhiri paket",
        ],
        Rule::EmailChanged => ["客服變更收件地址", "petugas mengganti alamat email"],
        Rule::NoteAdded => ["客服新增備註", "petugas menambahkan catatan"],
        Rule::TaskFailed => ["此訂單的一項工作失敗，將再試", "sebuah tugas gagal untuk pesanan ini; akan dicoba lagi"],
        Rule::NeedsAttention => {
            ["此訂單的一項工作一再失敗，已通知客服", "sebuah tugas terus gagal untuk pesanan ini; petugas diberi tahu"]
        }
        Rule::TaskRecovered => ["先前失敗的工作已成功", "tugas yang gagal berhasil lagi"],
        Rule::UserErased => [
            "個人資料已刪除，付款紀錄因會計而保留",
            "data pribadi dihapus; catatan pembayaran disimpan untuk pembukuan",
        ],
    }
}
