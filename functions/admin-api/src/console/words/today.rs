//! Texts of the first page.

use crate::console::words::texts;

texts! {
    /// Texts of the first page.
    TodayWords {
        needs_you: "需要處理", "What needs you", "Yang perlu ditangani";
        needs_attention: "工作一再失敗", "failing task", "tugas terus gagal";
        refund_due: "應退款", "refund due", "dana harus dikembalikan";
        quarantined: "隔離的報告", "quarantined", "dikarantina";
        dead: "未能寄出的郵件", "mails not accepted", "email tidak diterima";
        unclear: "結果不明的郵件", "mails of unknown outcome", "email tak diketahui hasilnya";
        cut_off_runs: "中斷的執行", "interrupted runs", "proses terputus";
        failed_runs: "失敗的執行", "failed runs", "proses gagal";
        gateway_down: "綠界停用中", "ECPay paused", "ECPay dijeda";
        gateway_up: "綠界正常", "ECPay reachable", "ECPay terjangkau";
        refunds: "應退款項", "Refunds due", "Dana yang harus dikembalikan";
        since: "扣款於", "charged", "ditagih";
        coming: "未來七天", "The next seven days", "Tujuh hari ke depan";
        charges: "扣款", "charges", "penagihan";
        retries: "再次扣款", "retries", "penagihan ulang";
        welcome: "請由選單選擇頁面。", "Choose a page in the menu.", "Pilih halaman di menu.";
    }
}
