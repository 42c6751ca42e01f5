//! Texts of the quarantine.

use crate::console::words::texts;

texts! {
    /// Texts of the list of quarantined reports and of their replay.
    QuarantineWords {
        about: "綠界簽署、但未套用的通知。", "Reports that ECPay signed and that were not applied.", "Laporan yang ditandatangani ECPay dan tidak diterapkan.";
        open: "未處理", "Open", "Terbuka";
        resolved: "已處理", "Resolved", "Selesai";
        from: "收到日期自", "Received from", "Diterima dari";
        to: "至", "to", "sampai";
        received_at: "收到時間", "Received", "Diterima";
        source: "來源", "Source", "Sumber";
        mark: "選取", "Mark", "Tandai";
        compare: "收到的內容與訂單對照", "Received beside expected", "Diterima dibanding seharusnya";
        received: "收到", "Received", "Diterima";
        expected: "訂單應有", "Expected", "Seharusnya";
        no_order: "沒有此訂單", "there is no such order", "pesanan ini tidak ada";
        missing: "缺少", "missing", "tidak ada";
        differs: "不符", "differs", "berbeda";
        differences: "不符：", "differences:", "perbedaan:";
        at_most: "最多", "at most", "paling banyak";
        so_far: "至今", "so far", "sejauh ini";
        applied_with: "先前套用", "applied before with", "sudah diterapkan dengan";
        replay_marked: "重新處理選取的通知", "Replay the marked ones", "Proses ulang yang ditandai";
        replay_one: "重新處理", "Replay", "Proses ulang";
        replay_hint: "先顯示結果預覽，確認後才執行。", "You first see what it would do.", "Anda lihat dulu akibatnya.";
        nothing_marked: "請至少選取一筆通知。", "Mark at least one report.", "Tandai paling sedikit satu laporan.";
        why_missing: "請填寫原因（最多 500 字）。", "Give a reason of at most 500 characters.", "Isi alasan, paling banyak 500 huruf.";
        replay_title: "重新處理通知", "Replay of reports", "Proses ulang laporan";
        would_apply: "將套用為：", "Would be applied as:", "Akan diterapkan sebagai:";
        applied: "已套用", "Applied", "Diterapkan";
        repeat: "先前已套用，將結案。", "Was applied before; it would be closed.", "Sudah diterapkan; akan ditutup.";
        was_repeat: "先前已套用，已結案", "Was applied before; closed", "Sudah diterapkan; ditutup";
        still: "仍然隔離，原因：", "Still quarantined because:", "Tetap dikarantina karena:";
        left_out: "筆因時間不足未處理，請再次執行。", "reports were left out for lack of time; replay them once more.", "laporan belum sempat diproses; proses sekali lagi.";
        result: "重新處理的結果", "What became of the replayed reports", "Hasil proses ulang";
        short_page: "此頁的通知較少；更多在下一頁。", "The filter left few on this page; more are on the next.", "Saringan menyisakan sedikit di halaman ini; lainnya di halaman berikut.";
    }
}
