//! Texts of runs.

use crate::console::words::texts;

texts! {
    /// Texts of the run history, of a run and of its start.
    RunWords {
        job: "工作", "Job", "Pekerjaan";
        failed_first: "失敗或中斷", "Failed or cut off", "Gagal atau terputus";
        others: "其他", "Others", "Lainnya";
        idle: "次執行沒有到期的項目", "runs found nothing due", "proses tidak menemukan yang jatuh tempo";
        scheduled_at: "排定時間", "Scheduled", "Jadwal";
        started_at: "開始", "Started", "Mulai";
        finished_at: "結束", "Finished", "Selesai";
        error: "錯誤", "Error", "Kesalahan";
        tasks: "工作結果", "Tasks", "Tugas";
        due: "到期", "Due", "Jatuh tempo";
        done: "完成", "Done", "Selesai";
        skipped: "略過", "Skipped", "Dilewati";
        failed: "失敗", "Failed", "Gagal";
        unclear: "結果不明", "Outcome unknown", "Hasil tidak diketahui";
        stopped: "提前停止：", "Stopped early:", "Berhenti lebih awal:";
        failures: "失敗的訂單", "Failed orders", "Pesanan yang gagal";
        entries: "動作", "Actions", "Tindakan";
        about: "對象", "About", "Tentang";
        what: "內容", "Action", "Tindakan";
        detail: "詳情", "Detail", "Rincian";
        events: "事件", "Events", "Peristiwa";
        reminders: "提醒", "Reminders", "Pengingat";
        message: "訊息", "Message", "Pesan";
        messages: "將送出的訊息", "Messages that would be sent", "Pesan yang akan dikirim";
        ecpay: "向綠界請求", "requested from ECPay:", "diminta ke ECPay:";
        mail: "郵件", "mail", "email";
        event: "事件", "event", "peristiwa";
        start_hint: "先顯示將會做什麼，確認後才執行。", "You first see what it would do.", "Anda lihat dulu apa yang akan dilakukan.";
        early: "也取消客戶仍可撤回的訂單", "Also those that customers can still undo", "Juga yang masih bisa ditarik pelanggan";
        missed_day: "補掃描的日期（最近 14 天，可空白）", "Missed day to scan (of the last 14; may stay empty)", "Hari yang terlewat (14 hari terakhir; boleh kosong)";
        dry_run: "預覽：", "Dry run:", "Uji coba:";
        nothing_due: "沒有到期的項目。", "Nothing is due.", "Tidak ada yang jatuh tempo.";
        refreshes: "執行中；此頁會自動更新。", "It is under way; this page follows it.", "Sedang berjalan; halaman ini mengikutinya.";
        dry_run_late: "預覽未能及時完成。", "The dry run did not finish in time.", "Uji coba tidak selesai tepat waktu.";
    }
}

texts! { named
    /// States of a run by their names in the API.
    RunStatusWords {
        requested: "已請求", "requested", "diminta";
        running: "執行中", "running", "berjalan";
        done: "完成", "done", "selesai";
        failed: "失敗", "failed", "gagal";
        cut_off: "中斷", "cut off", "terputus";
    }
}

texts! { named
    /// Outcomes of mails, events, reminders and their deliveries by their names in the API.
    OutcomeWords {
        sent: "已送出", "sent", "terkirim";
        would_send: "將送出", "would be sent", "akan dikirim";
        would_post: "將送出", "would be posted", "akan dikirim";
        later: "稍後再試", "later", "nanti";
        unclear: "結果不明", "outcome unknown", "hasil tidak diketahui";
        delivered: "已送達", "delivered", "sampai";
        given_up: "放棄", "given up", "dihentikan";
        failed: "失敗", "failed", "gagal";
        skipped: "略過", "skipped", "dilewati";
        already_sent: "先前已送出", "sent before", "sudah terkirim";
        accepted: "已接受", "accepted", "diterima";
        refused: "已拒絕", "refused", "ditolak";
    }
}

texts! { named
    /// Figures of a run by their names in the API.
    RunFigureWords {
        requested_by: "請求者", "Requested by", "Diminta oleh";
        total_customers: "到期車輛", "Vehicles due", "Kendaraan";
        reminder_sent: "已提醒", "Reminded", "Diingatkan";
        would_send: "將提醒", "Would be reminded", "Akan diingatkan";
        already_sent: "先前已提醒", "Reminded before", "Sudah diingatkan";
        failed: "失敗", "Failed", "Gagal";
        skipped: "略過", "Skipped", "Dilewati";
        unclear: "結果不明", "Outcome unknown", "Hasil tidak diketahui";
        waiting: "等待下次執行", "Waiting for a later run", "Menunggu proses berikutnya";
        follow_ups_sent: "已追蹤", "Follow-ups sent", "Tindak lanjut terkirim";
        continuation: "後續執行", "Continuation", "Kelanjutan";
        day: "日期", "Day", "Hari";
        institutions: "機構", "Institutions", "Lembaga";
        acknowledged: "已確認", "Acknowledged", "Dikonfirmasi";
        unreadable: "無法讀取", "Unreadable", "Tidak terbaca";
        contradictory: "資料矛盾", "Contradictory", "Bertentangan";
        posting: "發送到 Slack", "Posting to Slack", "Pengiriman ke Slack";
    }
}
