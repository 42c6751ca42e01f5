//! Texts of the figures.

use crate::console::words::texts;

texts! {
    /// Texts of the page of figures and of its charts.
    FiguresWords {
        payment_success: "付款成功率", "Payment success", "Pembayaran berhasil";
        recovery: "挽回率", "Recovery", "Pemulihan";
        paid: "成功", "succeeded", "berhasil";
        declined: "失敗", "failed", "gagal";
        recovered: "已挽回", "recovered", "dipulihkan";
        downgraded: "已降級", "downgraded", "diturunkan";
        figure: "指標", "Figure", "Angka";
        days: "天", "days", "hari";
        periods: "指標（最近 7、30 與 90 天，含今日）", "Key figures of the latest 7, 30 and 90 days, today included", "Angka 7, 30, dan 90 hari terakhir, termasuk hari ini";
        charts: "最近 30 天", "The latest 30 days", "30 hari terakhir";
        charges: "扣款（成功、失敗）", "Charges (succeeded, failed)", "Penagihan (berhasil, gagal)";
        callback_success: "回呼成功率", "Callback success", "Callback berhasil";
        callbacks: "回呼（套用、隔離、拒絕）", "Callbacks (applied, quarantined, refused)", "Callback (diterapkan, dikarantina, ditolak)";
        episodes_started: "新的欠款", "Dunning episodes started", "Tunggakan baru";
        episodes: "結束的欠款（挽回、降級）", "Episodes ended (recovered, downgraded)", "Tunggakan berakhir (dipulihkan, diturunkan)";
        by_retry: "挽回於重試", "Recovered by retry", "Dipulihkan lewat percobaan";
        by_class: "挽回，拒絕類別", "Recovered, decline class", "Dipulihkan, jenis penolakan";
        mean_days: "平均挽回天數", "Mean days to recover", "Rata-rata hari pemulihan";
        downgrades: "降級：未付款", "Downgrades: unpaid", "Penurunan: tidak dibayar";
        not_charged: "降級：綠界未扣款", "Downgrades: not charged by ECPay", "Penurunan: tidak ditagih ECPay";
        restored: "恢復的方案", "Plans restored", "Paket dipulihkan";
        by_status: "訂閱依狀態", "Subscriptions by status", "Langganan menurut status";
        by_month: "每月付款", "Payments by month", "Pembayaran per bulan";
        month: "月份", "Month", "Bulan";
        count: "筆數", "Count", "Jumlah";
        received: "收入", "Received", "Diterima";
        refunded: "其中已退款", "Of which refunded", "Yang dikembalikan";
        net: "淨額", "Net", "Bersih";
        at_least: "至少", "at least", "sedikitnya";
        without_amount: "筆金額不明", "of unknown amount", "tanpa jumlah yang diketahui";
        other_month: "其他月份（例如 2025-03）", "Another month (for example 2025-03)", "Bulan lain (misalnya 2025-03)";
        accounting: "會計用 CSV", "CSV for accounting", "CSV untuk akuntansi";
        none_measured: "無資料", "nothing to measure", "belum ada";
    }
}

texts! { named
    /// Classes of declines by their names in the API.
    DeclineWords {
        hard_decline: "需換卡", "a new card is needed", "perlu kartu baru";
        soft_decline: "稍後可能成功", "may succeed later", "mungkin berhasil nanti";
    }
}
