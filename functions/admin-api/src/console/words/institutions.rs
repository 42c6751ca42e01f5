//! Texts of institutions.

use crate::console::words::texts;

texts! {
    /// Texts of the list of institutions about to expire.
    InstitutionWords {
        about: "MMS 上即將到期的機構帳號，最近到期的在前。", "Institution accounts of MMS about to expire, the soonest first.", "Akun lembaga di MMS yang segera berakhir, yang paling dekat dulu.";
        last_scan: "上次掃描", "Last scan", "Pemindaian terakhir";
        never: "尚未掃描", "There was no scan yet", "Belum pernah dipindai";
        scan_failed: "上次掃描未完成；以下可能是較舊的資料。", "The last scan did not succeed; what follows may be older.", "Pemindaian terakhir tidak berhasil; data berikut mungkin lama.";
        scan: "立即掃描", "Scan now", "Pindai sekarang";
        name: "機構", "Institution", "Lembaga";
        expires: "到期日", "Expires", "Berakhir";
        days_left: "天後", "days left", "hari lagi";
        today: "今日到期", "today", "hari ini";
        days_ago: "天前已到期", "days ago", "hari yang lalu";
        contact: "聯絡人", "Contact", "Kontak";
        accounts: "帳號數", "accounts", "akun";
        is_new: "新", "new", "baru";
        was: "原為", "was", "sebelumnya";
        acknowledged: "已確認", "Acknowledged", "Dikonfirmasi";
        until: "通知暫停至", "No notice until", "Tanpa pemberitahuan sampai";
        acknowledge: "確認", "Acknowledge", "Konfirmasi";
        until_hint: "已確認的機構，Slack 摘要於所填日期起才再次列出。", "The Slack digest lists an acknowledged institution again from the day that you give.", "Ringkasan Slack menampilkan lembaga yang dikonfirmasi lagi mulai hari yang Anda isi.";
        take_back: "取消確認", "Take it back", "Tarik kembali";
    }
}

texts! { named
    /// Tiers by their names in the API.
    TierWords {
        urgent: "緊急", "Urgent", "Mendesak";
        warning: "注意", "Warning", "Peringatan";
        notice: "提醒", "Notice", "Pemberitahuan";
        expired: "已到期", "Expired", "Sudah berakhir";
    }
}
