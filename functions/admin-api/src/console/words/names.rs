//! Names of the API's closed sets as people read them.

use crate::console::words::texts;

texts! { named
    /// States of subscriptions.
    StatusNames {
        pending: "待付款", "awaiting payment", "menunggu pembayaran";
        active: "使用中", "active", "aktif";
        downgraded: "已降為 FREE", "on FREE", "paket FREE";
        past_due: "逾期", "past due", "menunggak";
        cancelled: "已取消", "cancelled", "dibatalkan";
        completed: "已完成", "completed", "selesai";
        failed: "未成立", "failed", "gagal";
    }
}

texts! { named
    /// Tasks of orders and jobs of the schedule.
    TaskNames {
        resume: "恢復催收", "Dunning resumes", "Penagihan ulang dilanjutkan";
        end_grace: "寬限期結束", "End of the grace period", "Masa tenggang berakhir";
        reconcile: "與綠界對帳", "Reconciliation with ECPay", "Pencocokan dengan ECPay";
        check_pending: "查詢首次付款", "Query of the first payment", "Pertanyaan pembayaran pertama";
        retry: "再次扣款", "Retry of the charge", "Penagihan ulang";
        cancel: "向綠界取消", "Cancellation at ECPay", "Pembatalan di ECPay";
        clean_up: "清理", "Clean-up", "Pembersihan";
        send_mail: "寄送郵件與事件", "Mails and events", "Email dan peristiwa";
        maintenance_reminder: "保養提醒", "Maintenance reminders", "Pengingat servis";
        mms_expiry_scan: "機構到期掃描", "Scan of expiring institutions", "Pemindaian lembaga";
    }
}

texts! { named
    /// Results of payments.
    OutcomeNames {
        succeeded: "成功", "succeeded", "berhasil";
        failed: "失敗", "failed", "gagal";
        pending: "結果未定", "result open", "hasil belum ada";
        paid_out_of_band: "綠界以外付款", "paid outside ECPay", "dibayar di luar ECPay";
    }
}

texts! { named
    /// States of mails.
    NoticeStates {
        queued: "待寄送", "waiting", "menunggu";
        claimed: "寄送中", "being sent", "sedang dikirim";
        sent: "已寄出", "sent", "terkirim";
        unclear: "結果不明", "outcome unknown", "hasil tidak diketahui";
        dead: "未能寄出", "not accepted", "tidak diterima";
        undeliverable: "地址無法收信", "address takes no mail", "alamat tidak menerima email";
        obsolete: "已無須寄送", "no longer true", "tidak berlaku lagi";
        permanent_bounce: "地址退信", "bounced for good", "ditolak permanen";
        transient_bounce: "暫時退信", "bounced for now", "ditolak sementara";
        undetermined_bounce: "退信，原因不明", "bounced, reason unknown", "ditolak, sebab tidak jelas";
        complaint: "被回報為垃圾郵件", "reported as unwanted", "dilaporkan sebagai spam";
        not_spam: "收件人撤回回報", "report taken back", "laporan ditarik";
    }
}

texts! { named
    /// Kinds of mails.
    NoticeNames {
        first_payment_failure: "第一次扣款失敗", "first failed charge", "penagihan gagal pertama";
        second_payment_failure: "第二次扣款失敗", "second failed charge", "penagihan gagal kedua";
        final_payment_failure: "最後警告", "last warning", "peringatan terakhir";
        downgraded: "已降級", "downgrade", "turun ke FREE";
        not_charged: "未扣款", "no charge was made", "tidak ditagih";
        plan_ended: "方案結束", "end of the plan", "paket berakhir";
        recovered: "付款成功", "payment received", "pembayaran diterima";
        receipt: "收據", "receipt", "kuitansi";
        annual_charge: "年繳扣款預告", "annual charge ahead", "penagihan tahunan mendekat";
        refund_due: "應退款（給客服）", "refund due (to staff)", "dana harus dikembalikan (untuk petugas)";
        uncharged: "逾期未扣款（給客服）", "charge missing (to staff)", "penagihan tidak ada (untuk petugas)";
        amount_differs: "金額不同（給客服）", "another amount (to staff)", "jumlah berbeda (untuk petugas)";
        unrecorded_charge: "無法記錄的扣款（給客服）", "charge not recorded (to staff)", "penagihan tidak tercatat (untuk petugas)";
        second_live_order: "重複訂閱（給客服）", "second live order (to staff)", "pesanan aktif kedua (untuk petugas)";
        quarantine_digest: "隔離報告摘要（給客服）", "quarantined reports (to staff)", "laporan karantina (untuk petugas)";
        quarantined: "報告已隔離（給客服）", "report quarantined (to staff)", "laporan dikarantina (untuk petugas)";
        cancel_confirmed: "取消完成", "cancellation confirmed", "pembatalan dikonfirmasi";
        cancel_unconfirmed: "取消未獲確認（給客服）", "cancellation unconfirmed (to staff)", "pembatalan belum dikonfirmasi (untuk petugas)";
        needs_attention: "需要處理（給客服）", "needs attention (to staff)", "perlu perhatian (untuk petugas)";
        slack_refused: "Slack 未受理（給客服）", "Slack refused (to staff)", "Slack menolak (untuk petugas)";
        reminders_failed: "提醒失敗（給客服）", "reminders failed (to staff)", "pengingat gagal (untuk petugas)";
        undeliverable: "客戶地址無法收信（給客服）", "customer's address takes no mail (to staff)", "alamat pelanggan tidak menerima email (untuk petugas)";
        endpoint_off: "事件端點已停用（給客服）", "endpoint of events off (to staff)", "endpoint event dimatikan (untuk petugas)";
    }
}

texts! { named
    /// Reasons of declines by ECPay's RtnCode ("授權失敗代碼", facts of the ECPay document).
    DeclineNames {
        c10100248: "發卡銀行拒絕，請持卡人洽詢發卡銀行", "declined by the card's bank; the cardholder has to ask it", "ditolak bank kartu; pemegang kartu perlu menghubunginya";
        c10100251: "卡片已過期，需要新卡", "the card has expired; a new card is needed", "kartu sudah kedaluwarsa; perlu kartu baru";
        c10100252: "額度或餘額不足", "insufficient limit or balance", "limit atau saldo tidak cukup";
        c10100254: "發卡銀行限制交易", "restricted by the card's bank", "dibatasi bank kartu";
        c10100255: "卡片已掛失，需要新卡", "the card was reported lost; a new card is needed", "kartu dilaporkan hilang; perlu kartu baru";
        c10100256: "卡片為被竊卡，需要新卡", "the card was reported stolen; a new card is needed", "kartu dilaporkan dicuri; perlu kartu baru";
        c10100058: "付款失敗", "the payment failed", "pembayaran gagal";
    }
}

texts! { named
    /// States of orders at ECPay.
    EcpayStates {
        running: "進行中", "running", "berjalan";
        stopped: "已終止", "stopped", "berhenti";
        finished: "已完成所有扣款", "all charges made", "semua penagihan selesai";
        unpaid: "未付款", "not paid", "belum dibayar";
        declined: "首次授權被拒", "first charge declined", "penagihan pertama ditolak";
        other: "其他", "another state", "keadaan lain";
    }
}

texts! { named
    /// Sources of reports by their names in the API.
    ReportSources {
        auth_callback: "首次授權通知", "callback of the first charge", "callback penagihan pertama";
        billing_callback: "定期扣款通知", "callback of a recurring charge", "callback penagihan berkala";
        query: "查詢結果", "answer to a query", "jawaban atas pertanyaan";
    }
}

texts! { named
    /// Reasons for a quarantine by their names in the API.
    QuarantineReasons {
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
