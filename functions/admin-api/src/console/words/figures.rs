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
    }
}
