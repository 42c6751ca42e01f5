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
        subscription: "訂單", "Order", "Pesanan";
        received_at: "收到時間", "Received", "Diterima";
        source: "來源", "Source", "Sumber";
        mark: "選取", "Mark", "Tandai";
        compare: "收到的內容與訂單對照", "Received beside expected", "Diterima dibanding seharusnya";
        field: "欄位", "Field", "Kolom";
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
        outcome: "結果", "Outcome", "Hasil";
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

texts! { named
    /// Sources of reports by their names in the API.
    SourceWords {
        auth_callback: "首次授權通知", "callback of the first charge", "callback penagihan pertama";
        billing_callback: "定期扣款通知", "callback of a recurring charge", "callback penagihan berkala";
        query: "查詢結果", "answer to a query", "jawaban atas pertanyaan";
    }
}

texts! { named
    /// Reasons for a quarantine by their names in the API.
    ReasonWords {
        unusable: "必要欄位缺少或格式錯誤", "A required field is missing or malformed", "Kolom wajib tidak ada atau salah bentuk";
        ambiguous: "內容可有多種解讀", "The form can be read in more than one way", "Isinya dapat dibaca lebih dari satu cara";
        implausible_date: "日期不合理：超前一天以上，或早於訂單建立", "The date is implausible: more than a day ahead, or before the order was made", "Tanggal tidak masuk akal: lebih dari sehari ke depan, atau sebelum pesanan dibuat";
        implausible_number: "成功次數超過訂單的扣款次數", "The success number is above the number of charges of the order", "Nomor keberhasilan melebihi jumlah penagihan pesanan";
        unknown_order: "沒有此訂單", "The order is unknown", "Pesanan tidak dikenal";
        wrong_merchant: "特店編號與訂單不符", "The MerchantID is not that of the order", "MerchantID bukan milik pesanan ini";
        wrong_amount: "金額與訂單價格不符", "The amount is not the price of the order", "Jumlah bukan harga pesanan ini";
        simulated: "綠界的模擬付款，沒有實際金流", "A test notification of ECPay; no money moved", "Pemberitahuan uji dari ECPay; tidak ada uang berpindah";
        conflict: "同一事件先前以其他授權或金額套用", "The event was applied with another authorisation or amount", "Kejadian ini sudah diterapkan dengan otorisasi atau jumlah lain";
    }
}

texts! { named
    /// Rules by which a report is applied, by their names in the API.
    AppliedAsWords {
        first_charge_paid: "首次扣款成功，方案啟用", "the first charge succeeded; the plan is active", "penagihan pertama berhasil; paket aktif";
        first_charge_failed: "首次授權失敗，方案未啟用", "the first authorisation failed; the plan was not activated", "otorisasi pertama gagal; paket tidak aktif";
        result_pending: "綠界尚不知扣款結果", "ECPay does not know the result yet", "ECPay belum tahu hasilnya";
        renewed: "定期扣款成功", "the recurring charge succeeded", "penagihan berkala berhasil";
        late_success: "遲到的成功通知，已有較新的狀態", "a late success; a newer state is known", "keberhasilan yang terlambat; keadaan terbaru sudah diketahui";
        arrears_paid: "欠款已付清", "the overdue amount is paid", "tunggakan sudah dibayar";
        plan_restored: "方案由 FREE 恢復", "the plan is restored from FREE", "paket kembali dari FREE";
        refund_due: "訂單已結束仍付款，應退款", "paid for an order that is over: a refund is due", "dibayar untuk pesanan yang sudah berakhir: uang harus dikembalikan";
        grace_began: "第一次扣款失敗，寬限期開始", "first failure: the grace period begins", "kegagalan pertama: masa tenggang dimulai";
        grace_extended_once: "第二次扣款失敗，寬限期延長一次", "second failure: the grace period is extended once", "kegagalan kedua: masa tenggang diperpanjang sekali";
        last_warning: "第三次扣款失敗，通知客戶將降級", "third failure: the customer is warned of the downgrade", "kegagalan ketiga: pelanggan diperingatkan";
        failure_recorded: "登記扣款失敗，方案不變", "the failure is recorded; the plan does not change", "kegagalan dicatat; paket tidak berubah";
        sixth_failure: "第六次扣款失敗，將查詢綠界是否終止訂單", "sixth failure: a query will show if ECPay ended the order", "kegagalan keenam: ECPay ditanya apakah pesanan berakhir";
        cancel_overtaken: "取消後仍付款，訂單繼續", "paid after the cancellation; the order continues", "dibayar setelah pembatalan; pesanan berlanjut";
        success_proven: "無法登記的成功，該期視為已付", "a success that cannot be recorded; the period counts as paid", "keberhasilan yang tidak dapat dicatat; masanya dianggap dibayar";
    }
}
