//! Texts that several pages have.

use crate::console::words::texts;

texts! {
    /// Texts of the frame, of the sign-in and of every form.
    CommonWords {
        skip: "跳到內容", "Skip to content", "Langsung ke isi";
        search: "搜尋", "Search", "Cari";
        search_hint: "訂單、使用者、電子郵件、卡號末四碼、授權單號、電話、車牌、姓名", "order, user, mail, last four digits, authorisation, phone, plate, name", "pesanan, pengguna, email, 4 digit kartu, otorisasi, telepon, plat, nama";
        signed_in_as: "登入身分：", "Signed in as", "Masuk sebagai";
        sign_out: "登出", "Sign out", "Keluar";
        sign_in: "登入", "Sign in", "Masuk";
        sign_in_token: "管理權杖", "Admin token", "Token admin";
        sign_in_hint: "請輸入營運人員給您的權杖。", "Enter the token that your operator gave you.", "Masukkan token dari pengelola sistem.";
        sign_in_incomplete: "請輸入權杖。", "Enter a token.", "Masukkan token.";
        sign_in_unknown: "權杖不正確。", "This token is not known here.", "Token ini tidak dikenal.";
        sign_in_expired: "權杖已過期，請向營運人員索取新的權杖。", "This token has expired. Ask your operator for a new one.", "Token ini sudah kedaluwarsa. Minta yang baru kepada pengelola.";
        sign_in_wrong_kind: "JSON Web Token 供應用程式使用，請以管理權杖登入。", "A JSON Web Token belongs to an app. Sign in with an admin token.", "JSON Web Token milik aplikasi. Masuk dengan token admin.";
        sign_in_too_often: "嘗試次數過多，請於五分鐘後再試。", "Too many attempts. Try again in five minutes.", "Terlalu banyak percobaan. Coba lagi dalam lima menit.";
        sign_in_ended: "登入已逾時，剛才的表單未執行。請登入後再填一次。", "Your session had ended, so the form was not done. Sign in and fill it in again.", "Sesi Anda sudah berakhir, jadi formulir tidak dilakukan. Masuk lalu isi lagi.";
        sign_in_continue: "已登入時，請由此繼續", "If you are signed in already, continue here", "Jika sudah masuk, lanjutkan di sini";
        language: "語言", "Language", "Bahasa";
        menu: "選單", "Menu", "Menu";
        today: "今日", "Today", "Hari ini";
        subscriptions: "訂閱", "Subscriptions", "Langganan";
        messages: "郵件", "Mails", "Email";
        quarantine: "隔離", "Quarantine", "Karantina";
        runs: "執行紀錄", "Runs", "Proses";
        vehicles: "待保養車輛", "Vehicles due", "Kendaraan";
        customers: "顧客", "Customers", "Pelanggan";
        import: "匯入", "Import", "Impor";
        schedule: "提醒排程", "Schedule", "Jadwal";
        institutions: "機構", "Institutions", "Lembaga";
        figures: "數據", "Figures", "Angka";
        why: "原因（會留下紀錄）", "Reason (it is kept)", "Alasan (disimpan)";
        days: "天數", "Days", "Hari";
        amount_twd: "金額（新台幣）", "Amount (TWD)", "Jumlah (TWD)";
        day: "日期", "Day", "Tanggal";
        send: "送出", "Send", "Kirim";
        check: "預覽結果", "See what it does", "Lihat akibatnya";
        do_it: "確定執行", "Do it", "Lakukan";
        not_done: "返回，不執行", "Back, without doing it", "Kembali, jangan lakukan";
        more: "更多", "More", "Lebih banyak";
        show: "顯示", "Show", "Tampilkan";
        all: "全部", "All", "Semua";
        none: "沒有資料", "Nothing here", "Tidak ada";
        state: "狀態", "State", "Status";
        time: "時間", "Time", "Waktu";
        reason: "原因", "Reason", "Alasan";
        by: "執行者", "By", "Oleh";
        raw: "原始資料", "Raw data", "Data mentah";
        download_csv: "下載 CSV", "Download CSV", "Unduh CSV";
        dry_run_note: "尚未執行任何動作。以下是將會發生的事：", "Nothing was done yet. This is what will happen:", "Belum ada yang dilakukan. Ini yang akan terjadi:";
        back: "返回", "Back", "Kembali";
        reload: "重新整理", "Reload", "Muat ulang";
        further: "其餘筆數：", "Further rows:", "Baris lainnya:";
        outcome: "結果", "Outcome", "Hasil";
        attempts: "次數", "Attempts", "Percobaan";
        delivery: "送達", "Delivery", "Pengiriman";
        order: "訂單", "Order", "Pesanan";
        plan: "方案", "Plan", "Paket";
        mail_address: "電子郵件", "Mail address", "Alamat email";
        until: "至", "until", "sampai";
        field: "欄位", "Field", "Kolom";
        run_now: "立即執行", "Run now", "Jalankan sekarang";
    }
}

texts! { named
    /// Titles and sentences of failures, by the status or the code of the failure.
    FailureWords {
        title_invalid: "輸入有誤", "The input cannot be used", "Isian tidak dapat dipakai";
        title_forbidden: "沒有權限", "Not allowed", "Tidak diizinkan";
        title_not_found: "找不到", "Not found", "Tidak ditemukan";
        title_conflict: "目前無法執行", "Not possible in this state", "Tidak bisa dalam keadaan ini";
        title_unavailable: "暫時無法使用", "Unavailable for the moment", "Sementara tidak tersedia";
        title_internal: "系統錯誤", "A fault of the system", "Kesalahan sistem";
        scope: "您的權杖沒有執行此動作的權限。", "Your token may not do this.", "Token Anda tidak boleh melakukan ini.";
        origin: "此表單不是由本站送出，因此未執行任何動作。", "The form was not sent by a page of this site, so nothing was done.", "Formulir tidak dikirim dari halaman situs ini, jadi tidak ada yang dilakukan.";
        unavailable: "目前無法完成，結果可能不明。請先查看目前狀態，再決定是否重試。", "This could not be finished, and its outcome may be unknown. See the present state before you try again.", "Ini belum dapat diselesaikan, dan hasilnya mungkin tidak diketahui. Lihat keadaan sekarang sebelum mencoba lagi.";
        internal: "請將此頁的時間告知營運人員。", "Give your operator the time of this page.", "Beritahukan waktu halaman ini kepada pengelola.";
        key_reused: "此表單已送出過，內容不同。請重新載入頁面。", "This form was sent before with other values. Load the page again.", "Formulir ini sudah dikirim dengan isi lain. Muat ulang halaman.";
        not_found: "沒有這筆資料。", "There is no such record.", "Data ini tidak ada.";
        no_route: "沒有這個頁面。", "There is no such page.", "Halaman ini tidak ada.";
        owned_by_another: "此車牌屬於另一位顧客。請確認車牌；若車輛已轉售，請勾選轉移後再送出。", "The plate belongs to another customer. Check it; if the vehicle was sold, say so in the form and send it again.", "Nomor polisi ini milik pelanggan lain. Periksa lagi; jika kendaraan sudah dijual, pilih itu di formulir lalu kirim lagi.";
        not_active: "此車輛不在提醒狀態，因此不會提醒車主。", "The vehicle is not active, so its owner is not reminded.", "Kendaraan tidak aktif, jadi pemiliknya tidak diingatkan.";
        visit_over: "保養日已過。請登記到店，或設定下次保養日期。", "The day of the visit is over. Record the visit, or set the date of the next one.", "Tanggal servis sudah lewat. Catat servisnya, atau isi tanggal servis berikutnya.";
        in_progress: "系統正在傳送此提醒，請於執行結束後再試。", "A run is sending this reminder. Try again after the run.", "Pengingat ini sedang dikirim. Coba lagi setelah proses selesai.";
        already_running: "另一個執行正在進行中，請稍後再試。", "Another run is in progress. Try again in a while.", "Proses lain sedang berjalan. Coba lagi sebentar lagi.";
        busy: "系統忙碌中，請稍後再試。", "The system is busy. Try again in a moment.", "Sistem sedang sibuk. Coba lagi sebentar lagi.";
        too_many_subscriptions: "清單超過五千筆訂閱，請先篩選。", "The list has more than 5,000 subscriptions. Filter it first.", "Daftar berisi lebih dari 5.000 langganan. Saring dulu.";
        too_many_payments: "此月份超過一萬筆付款，無法放入一個檔案。請以 GET /api/payments 分頁讀取。", "The month has more than 10,000 payments, too many for one file. Read them in pages from GET /api/payments.", "Bulan ini memiliki lebih dari 10.000 pembayaran, terlalu banyak untuk satu berkas. Baca per halaman dari GET /api/payments.";
    }
}
