//! Outcomes of forms, which the next page says.

use crate::console::words::texts;

texts! { named
    /// Sentences by the name that the address of the page has.
    SaidWords {
        done: "已完成。", "Done.", "Selesai.";
        extend_grace: "寬限期已延長。", "The grace period is extended.", "Masa tenggang diperpanjang.";
        pause: "催收已暫停。", "Dunning is paused.", "Penagihan ulang ditahan.";
        resume: "催收已恢復。", "Dunning goes on.", "Penagihan ulang dilanjutkan.";
        cancel: "已登記取消。", "The cancellation is recorded.", "Pembatalan dicatat.";
        undo_cancel: "已撤回取消。", "The cancellation is withdrawn.", "Pembatalan ditarik kembali.";
        mark_paid: "已登記付款。", "The payment is recorded.", "Pembayaran dicatat.";
        terms: "新的條件已登記。", "The new terms are recorded.", "Ketentuan baru dicatat.";
        refund: "已登記退款。", "The refund is recorded.", "Pengembalian dana dicatat.";
        email: "電子郵件地址已變更。", "The mail address is changed.", "Alamat email diganti.";
        note: "備註已新增。", "The note is added.", "Catatan ditambahkan.";
        retry_requested: "已請綠界再次扣款，結果稍後顯示於此。", "A retry was requested from ECPay. Its result shows here in a while.", "Penagihan ulang diminta ke ECPay. Hasilnya tampil di sini sebentar lagi.";
        retry_paid: "綠界已有這筆付款，無須再扣款。", "ECPay has the payment already; no retry was needed.", "ECPay sudah menerima pembayaran; tidak perlu ditagih lagi.";
        retry_already_requested: "先前已請求再次扣款，結果未定。", "A retry was requested before; its result is open.", "Penagihan ulang sudah diminta; hasilnya belum ada.";
        resent: "已排入佇列，數秒內寄出。", "It is queued and goes out within seconds.", "Sudah diantrekan dan dikirim dalam hitungan detik.";
        saved: "已儲存。", "Saved.", "Tersimpan.";
        erased: "個人資料已刪除。", "The personal data is erased.", "Data pribadi sudah dihapus.";
        visit_recorded: "已登記到店。", "The visit is recorded.", "Servis dicatat.";
        visit_older: "已有較晚的到店紀錄，因此未變更。", "A later visit is recorded already; nothing was changed.", "Servis yang lebih baru sudah tercatat; tidak ada yang diubah.";
        vehicle_booked: "已標示為已預約，不再提醒此次保養。", "The vehicle is booked; its owner is not reminded of this visit.", "Kendaraan sudah janji; pemilik tidak diingatkan untuk servis ini.";
        vehicle_sold: "已標示為已出售，不再提醒。", "The vehicle is sold; no more reminders of it.", "Kendaraan sudah dijual; tidak diingatkan lagi.";
        vehicle_active: "此車輛將再收到提醒。", "The owner is reminded of the vehicle's visits again.", "Pemilik diingatkan lagi untuk kendaraan ini.";
        opted_out: "此號碼不再收到提醒。", "The number gets no more reminders.", "Nomor ini tidak lagi menerima pengingat.";
        opted_in: "此號碼將再收到提醒。", "The number gets reminders again.", "Nomor ini menerima pengingat lagi.";
        remind_again: "下次執行時會再提醒一次。", "The next run reminds the owner once more.", "Proses berikutnya mengingatkan pemilik sekali lagi.";
        remind_unneeded: "下次執行時本來就會提醒，無須另行同意。", "The next run reminds the owner anyway.", "Proses berikutnya memang akan mengingatkan pemilik.";
        vehicle_saved: "車輛已儲存。", "The vehicle is stored.", "Kendaraan disimpan.";
        schedule_started: "排程已啟用。", "The schedule is on.", "Jadwal dinyalakan.";
        schedule_stopped: "排程已停用。", "The schedule is off.", "Jadwal dimatikan.";
        sample_sent: "範例訊息已傳送。", "The sample was sent.", "Contoh pesan sudah dikirim.";
        run_started: "已開始執行。", "The run has started.", "Proses dimulai.";
        run_idle: "已執行，沒有到期的項目。", "The run found nothing due.", "Proses tidak menemukan yang jatuh tempo.";
        acknowledged: "已確認此機構的到期日。", "The expiry is acknowledged.", "Masa berlaku sudah dikonfirmasi.";
        acknowledgement_ended: "已取消確認。", "The acknowledgement is taken back.", "Konfirmasi ditarik kembali.";
    }
}
