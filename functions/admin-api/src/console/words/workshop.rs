//! Texts of the workshop's vehicles and customers.

use crate::console::words::texts;

texts! {
    /// Texts of lists, pages and forms of vehicles and customers.
    WorkshopWords {
        vehicles_title: "待保養車輛", "Vehicles due", "Kendaraan jatuh tempo";
        vehicles_none: "此期間沒有待保養的車輛。", "No vehicle is due in these days.", "Tidak ada kendaraan yang jatuh tempo pada tanggal ini.";
        from: "起日", "From", "Dari tanggal";
        to: "迄日", "To", "Sampai tanggal";
        today: "今天", "today", "hari ini";
        tomorrow: "明天", "tomorrow", "besok";
        days_ahead: "天後", "days ahead", "hari lagi";
        days_over: "天前", "days ago", "hari lalu";
        owner: "車主", "Owner", "Pemilik";
        owner_unknown: "無車主資料", "owner not stored", "pemilik tidak tersimpan";
        next_visit_hint: "留空則依間隔計算。", "Leave it empty to follow the interval.", "Kosongkan agar mengikuti interval.";
        reminder: "提醒", "Reminder", "Pengingat";
        actions: "操作", "Actions", "Tindakan";
        visit_day: "到店日期", "Day of the visit", "Tanggal servis";
        visit: "登記到店", "Record the visit", "Catat servis";
        book: "已預約", "Booked", "Sudah janji";
        sell: "已出售", "Sold", "Sudah dijual";
        activate: "恢復提醒", "Remind again of its visits", "Ingatkan lagi";
        opt_out: "停止提醒此號碼", "No more reminders to this number", "Stop pengingat ke nomor ini";
        opt_in: "恢復提醒此號碼", "Send reminders to this number again", "Kirim pengingat ke nomor ini lagi";
        remind_again: "再提醒一次", "Remind once more", "Ingatkan sekali lagi";
        reminded: "已提醒", "reminded", "sudah diingatkan";
        not_yet: "尚未到提醒日，將自此日起提醒：", "not due yet; reminded from", "belum waktunya; diingatkan mulai";
        next_run: "下次執行時提醒", "goes out with the next run", "dikirim pada proses berikutnya";
        once_more: "下次執行時再提醒一次", "once more with the next run", "sekali lagi pada proses berikutnya";
        customers_hint: "請輸入姓名、手機號碼、車牌、電子郵件或顧客編號。", "Search by name, phone, plate, mail address or customer number.", "Cari dengan nama, nomor HP, nomor polisi, email atau kode pelanggan.";
        customers_none: "找不到符合的顧客。", "No customer was found.", "Pelanggan tidak ditemukan.";
        customers_more: "僅顯示前 50 位，請輸入更完整的資料。", "Only the first 50 are shown. Enter more of the name.", "Hanya 50 yang pertama tampil. Ketik nama lebih lengkap.";
        search: "搜尋顧客", "Search", "Cari";
        customer_id_hint: "可留空，系統會自動編號。", "May be empty; a number is then made.", "Boleh kosong; kode dibuat otomatis.";
        add_customer: "新增顧客", "Add a customer", "Tambah pelanggan";
        customer_exists: "此顧客編號已存在。", "This customer number is in use.", "Kode pelanggan ini sudah dipakai.";
        phone_exists: "此手機號碼已屬於另一位顧客。若確實為不同的人，請填寫顧客編號。", "Another customer has this number. If it is a different person, enter a customer number.", "Nomor HP ini sudah milik pelanggan lain. Jika memang orang lain, isi kode pelanggan.";
        see_customer: "查看這位顧客", "See that customer", "Lihat pelanggan itu";
        save: "儲存", "Save", "Simpan";
        edit: "修改資料", "Change the customer", "Ubah data";
        vehicles: "車輛", "Vehicles", "Kendaraan";
        no_vehicles: "沒有車輛。", "No vehicle is stored.", "Belum ada kendaraan.";
        add_vehicle: "新增車輛", "Add a vehicle", "Tambah kendaraan";
        move_vehicle: "此車牌屬於另一位顧客；車輛已轉售給這位顧客", "the plate belongs to another customer, who sold the vehicle to this one", "nomor polisi milik pelanggan lain, dan kendaraan sudah dibeli pelanggan ini";
        messages: "訊息", "Messages", "Pesan";
        no_messages: "尚未傳送訊息。", "No message was sent yet.", "Belum ada pesan.";
        about_visit: "保養日", "Visit", "Servis";
        allowed_by: "同意再次傳送：", "A further message was allowed by", "Pesan tambahan diizinkan oleh";
        gets_reminders: "會收到提醒", "gets reminders", "menerima pengingat";
        opted_out: "已停止提醒", "gets no reminders", "tidak menerima pengingat";
        opted_out_since: "起始時間：", "Since", "Sejak";
        ended_at: "恢復時間：", "Reminders again since", "Menerima lagi sejak";
        by_reply: "本人以 WhatsApp 回覆", "reply by WhatsApp", "balasan WhatsApp";
        export: "下載所有資料（JSON）", "Download all data (JSON)", "Unduh semua data (JSON)";
        export_csv: "下載名單（CSV）", "Download as a list (CSV)", "Unduh sebagai daftar (CSV)";
        erase: "刪除顧客資料", "Erase the customer", "Hapus data pelanggan";
        erase_note: "以下資料將永久刪除，無法復原。停止提醒的意願會保留（不含個人資料）。", "This data is erased for good. A wish for no more reminders stays, without the number.", "Data ini dihapus selamanya. Permintaan stop pengingat tetap disimpan tanpa nomornya.";
        erase_why: "原因（會保留，請勿寫出姓名、號碼或車牌）", "Reason; it is kept, so name no person, number or plate", "Alasan; disimpan, jadi jangan tulis nama, nomor atau plat";
        reminders_count: "提醒紀錄", "Reminders", "Catatan pengingat";
        all_reminders: "上列車輛的全部紀錄", "all of these vehicles", "semua milik kendaraan ini";
        erased_title: "顧客資料已刪除", "The customer was erased", "Data pelanggan sudah dihapus";
        erased_at: "刪除時間", "Erased", "Dihapus";
    }
}

texts! { named
    /// States of vehicles by the API's names.
    VehicleStateWords {
        active: "提醒中", "active", "aktif";
        booked: "已預約", "booked", "sudah janji";
        sold: "已出售", "sold", "sudah dijual";
        archived: "已封存", "archived", "diarsipkan";
    }
}

texts! { named
    /// States of reminders by the API's names.
    ReminderStateWords {
        claimed: "傳送中", "being sent", "sedang dikirim";
        sent: "已傳送", "sent", "terkirim";
        failed: "未能傳送，將再嘗試", "could not be sent; the next run tries again", "gagal dikirim; dicoba lagi pada proses berikutnya";
        unclear: "結果不明，不會重複傳送", "outcome unknown; not sent again", "hasil tidak jelas; tidak dikirim lagi";
    }
}

texts! { named
    /// Stages of messages by the API's names.
    DeliveryWords {
        sent: "已離開服務商", "left the provider", "keluar dari penyedia";
        failed: "未送達（號碼可能沒有 WhatsApp）", "not delivered; the number may have no WhatsApp", "tidak sampai; nomor mungkin tidak memakai WhatsApp";
        delivered: "已送達", "delivered", "sampai";
        read: "已讀", "read", "dibaca";
    }
}

texts! {
    /// Reasons for which no reminder is sent.
    SkipWords {
        not_due: "保養日已過", "the day of the visit is over", "tanggal servis sudah lewat";
        booked: "已預約，不再提醒", "booked, so not reminded", "sudah janji, tidak diingatkan";
        sold: "已出售，不再提醒", "sold, so not reminded", "sudah dijual, tidak diingatkan";
        archived: "已封存，不再提醒", "archived, so not reminded", "diarsipkan, tidak diingatkan";
        no_customer: "沒有車主資料", "the owner is not stored", "pemilik tidak tersimpan";
        opted_out: "車主不願收到提醒", "the owner wants no reminders", "pemilik tidak mau diingatkan";
        hours: "不在可傳送時段內", "outside the send hours", "di luar jam kirim";
        in_progress: "正在傳送", "being sent at this moment", "sedang dikirim";
        daily_cap: "已達每日上限", "the daily limit is reached", "batas harian tercapai";
        waiting: "等待下次執行", "waits for the next run", "menunggu proses berikutnya";
        stopped: "執行已中止", "the run was stopped", "proses dihentikan";
        changed: "資料剛變更，下次再處理", "changed just now; the next run looks again", "baru berubah; diperiksa pada proses berikutnya";
    }
}

texts! { named
    /// Salutations by the API's names.
    SalutationWords {
        bapak: "先生（Bapak）", "Bapak (Mr)", "Bapak";
        ibu: "女士（Ibu）", "Ibu (Ms)", "Ibu";
        none: "無", "none", "tanpa sapaan";
    }
}

texts! { named
    /// Rules of input, by the names of the API's fields.
    InputRules {
        name: "姓名：單行，1 至 100 個字元，須含文字或數字。", "Name: one line of 1 to 100 characters with a letter or digit.", "Nama: satu baris, 1 sampai 100 karakter, dengan huruf atau angka.";
        phone: "手機號碼：須為印尼手機號碼，例如 0855-1234-567。", "Phone: an Indonesian mobile number such as 0855-1234-567.", "No HP: harus nomor HP Indonesia, misalnya 0855-1234-567.";
        email: "電子郵件：格式如 nama@contoh.example，可留空。", "Mail address: like nama@contoh.example, or empty.", "Email: seperti nama@contoh.example, boleh kosong.";
        customer_id: "顧客編號：1 至 64 個英文字母、數字、點、底線或連字號。", "Customer number: 1 to 64 letters, digits, dots, hyphens or underscores.", "Kode pelanggan: 1 sampai 64 huruf, angka, titik, garis bawah atau tanda hubung.";
        plate: "車牌：格式如 B 1234 ABC。", "Plate: like B 1234 ABC.", "No Polisi: seperti B 1234 ABC.";
        date: "到店日期：須為 2000 年之後的日期，且不得在未來。", "Day of the visit: a day since 2000, not in the future.", "Tanggal servis: sejak tahun 2000 dan tidak boleh di masa depan.";
        last_visit_date: "上次保養：須為 2000 年之後的日期，且不得在未來。", "Last visit: a day since 2000, not in the future.", "Servis terakhir: sejak tahun 2000 dan tidak boleh di masa depan.";
        next_visit_date: "下次保養：不得早於上次保養，可留空。", "Next visit: not before the last visit, or empty.", "Servis berikutnya: tidak boleh sebelum servis terakhir, boleh kosong.";
        interval_months: "間隔：1 至 60 個月。", "Interval: 1 to 60 months.", "Interval: 1 sampai 60 bulan.";
        why: "原因：單行，1 至 500 個字元；刪除資料時不得寫出姓名、號碼或車牌。", "Reason: one line of 1 to 500 characters; for an erasure without name, number or plate.", "Alasan: satu baris, 1 sampai 500 karakter; untuk penghapusan tanpa nama, nomor atau plat.";
        due_from: "起日：格式如 2025-08-18。", "From: a day like 2025-08-18.", "Dari tanggal: seperti 2025-08-18.";
        due_to: "迄日：不得早於起日。", "To: a day that is not before the first one.", "Sampai tanggal: tidak boleh sebelum tanggal awal.";
        q: "請至少輸入兩個字母或數字。", "Enter at least two letters or digits.", "Ketik paling sedikit dua huruf atau angka.";
        hour: "時：0 至 23。", "Hour: 0 to 23.", "Jam: 0 sampai 23.";
        minute: "分：0 至 59。", "Minute: 0 to 59.", "Menit: 0 sampai 59.";
    }
}

texts! { named
    /// Fields of customers and vehicles, and columns of a list, by the API's names.
    FieldNames {
        customer_id: "顧客編號", "Customer number", "Kode pelanggan";
        name: "姓名", "Name", "Nama";
        phone: "手機號碼", "Phone", "No HP";
        email: "電子郵件", "Mail address", "Email";
        salutation: "稱謂", "Salutation", "Sapaan";
        time_zone: "時區", "Time zone", "Zona waktu";
        plate: "車牌", "Plate", "No Polisi";
        last_visit_date: "上次保養", "Last visit", "Servis terakhir";
        next_visit_date: "下次保養", "Next visit", "Servis berikutnya";
        interval_months: "間隔（月）", "Interval (months)", "Interval (bulan)";
        row: "整列", "Whole row", "Seluruh baris";
    }
}

texts! { named
    /// Kinds of messages by the API's names.
    MessageKinds {
        reminder: "保養提醒", "Reminder", "Pengingat";
        follow_up: "逾期後訊息", "After a missed visit", "Setelah jadwal lewat";
        group: "多輛車的提醒", "Reminder of several vehicles", "Pengingat beberapa kendaraan";
    }
}
