//! Texts of the schedule of reminders and of their runs.

use crate::console::words::texts;

texts! {
    /// Texts of the schedule's page, of the list before a run, and of its result.
    ScheduleWords {
        title: "提醒排程", "Schedule of reminders", "Jadwal pengingat";
        is_on: "排程已啟用：每天傳送提醒。", "The schedule is on: reminders are sent every day.", "Jadwal menyala: pengingat dikirim setiap hari.";
        is_off: "排程已停用：不會自動傳送提醒。", "The schedule is off: no reminder is sent by itself.", "Jadwal mati: pengingat tidak dikirim otomatis.";
        time: "每日時間", "Time of day", "Jam setiap hari";
        next_run: "下次執行", "Next run", "Proses berikutnya";
        send_hours: "可傳送時段（顧客當地時間）", "Send hours, local time of the customer", "Jam kirim, waktu setempat pelanggan";
        provider: "傳送服務商", "Provider", "Penyedia WhatsApp";
        other_expression: "排程不是每天固定時間：", "The schedule is no time of every day:", "Jadwal bukan jam tetap setiap hari:";
        outside_hours: "此時間不在可傳送時段內，因此不會傳送提醒。請改選其他時間。", "This time is outside the send hours, so that no reminder is sent. Choose another one.", "Jam ini di luar jam kirim, jadi pengingat tidak dikirim. Pilih jam lain.";
        start: "啟用或變更時間", "Switch on, or change the time", "Nyalakan atau ganti jam";
        start_button: "啟用", "Switch on", "Nyalakan";
        hour: "時", "Hour", "Jam";
        minute: "分", "Minute", "Menit";
        jakarta: "雅加達時間（WIB）", "time of Jakarta (WIB)", "waktu Jakarta (WIB)";
        stop: "停用", "Switch off", "Matikan";
        stop_hint: "時間設定會保留；進行中的執行會繼續。", "The time stays as it is. A run that has begun goes on.", "Jamnya tetap tersimpan. Proses yang sudah mulai tetap berjalan.";
        run_hint: "下一步會先列出將收到訊息的車主。", "The next page lists who would get a message. Nothing is sent before you confirm.", "Halaman berikutnya menampilkan siapa yang akan menerima pesan. Belum ada yang dikirim.";
        see_list: "查看名單", "See the list", "Lihat daftar";
        sample: "傳一則範例給自己", "Send a sample to yourself", "Kirim contoh ke HP Anda";
        sample_hint: "只傳送一則標示為範例的訊息。", "Exactly one message is sent, marked as a sample.", "Hanya satu pesan yang dikirim, dengan tanda contoh.";
        sample_phone: "您的手機號碼", "Your phone number", "Nomor HP Anda";
        sample_send: "傳送範例", "Send the sample", "Kirim contoh";
        sample_opted_out: "此號碼已停止接收提醒，因此不傳送範例。", "This number gets no reminders, so no sample is sent to it.", "Nomor ini tidak mau menerima pengingat, jadi contoh tidak dikirim.";
        sample_too_often: "一小時內已傳送過多範例，請稍後再試。", "Too many samples were sent within the hour. Try again later.", "Terlalu banyak contoh dalam satu jam. Coba lagi nanti.";
        sample_failed: "範例未能傳送：", "The sample could not be sent:", "Contoh gagal dikirim:";
        sample_unclear: "不確定範例是否已送出：", "It is not known whether the sample was sent:", "Tidak jelas apakah contoh terkirim:";
        texts: "訊息內容（以虛構的顧客為例）", "The text, filled with an invented customer", "Isi pesan, dengan pelanggan rekaan";
        texts_missing: "目前無法顯示訊息內容，請稍後再試。", "The text cannot be shown at this moment. Try again in a while.", "Isi pesan belum bisa ditampilkan. Coba lagi sebentar lagi.";
        cloud_text: "WhatsApp Cloud API 會以 Meta 核准的範本傳送，內容以該範本為準。", "The WhatsApp Cloud API sends the template that Meta approved; its text counts.", "WhatsApp Cloud API memakai templat yang disetujui Meta; isi templat itu yang berlaku.";
        list_title: "立即執行：將收到訊息的車主", "Run now: who would get a message", "Jalankan sekarang: siapa yang akan menerima pesan";
        list_none: "目前沒有需要傳送的訊息。", "No message would be sent now.", "Tidak ada pesan yang perlu dikirim sekarang.";
        list_others: "不會傳送", "Without a message", "Tanpa pesan";
        send_all: "確定傳送", "Send these messages", "Kirim pesan ini";
        messages: "則訊息", "messages", "pesan";
        run_title: "執行結果", "Result of the run", "Hasil proses";
        run_running: "執行中，請稍候。", "The run is in progress.", "Proses sedang berjalan.";
        run_done: "執行已完成。", "The run is done.", "Proses selesai.";
        run_failed: "執行未成功。", "The run has failed.", "Proses gagal.";
    }
}
