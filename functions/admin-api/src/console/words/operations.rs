//! Texts of the operations on a subscription, and of their refusals.

use crate::console::words::texts;

texts! { named
    /// Names of the operations, as their buttons have them.
    OperationNames {
        retry: "再次扣款", "Retry the charge", "Tagih ulang";
        extend_grace: "延長寬限期", "Extend the grace period", "Perpanjang masa tenggang";
        pause: "暫停催收", "Pause dunning", "Tahan penagihan ulang";
        resume: "恢復催收", "Resume dunning", "Lanjutkan penagihan ulang";
        cancel: "登記客戶取消", "Cancel for the customer", "Batalkan untuk pelanggan";
        undo_cancel: "撤回取消", "Undo the cancellation", "Tarik pembatalan";
        mark_paid: "登記綠界以外的付款", "Mark as paid outside ECPay", "Catat pembayaran di luar ECPay";
        terms: "接受新的條件", "Accept new terms", "Terima ketentuan baru";
        refund: "登記退款", "Record a refund", "Catat pengembalian dana";
        email: "變更電子郵件", "Change the mail address", "Ganti alamat email";
        note: "新增備註", "Add a note", "Tambah catatan";
    }
}

texts! { named
    /// What the operations do, in a sentence above their forms.
    OperationHints {
        retry: "先向綠界查詢，仍需要時才請其再次扣款。", "ECPay is queried first and charges again only if that is still needed.", "ECPay ditanya dulu dan hanya menagih lagi bila masih perlu.";
        extend_grace: "客戶在此期間保有方案。", "The customer keeps the plan for this time.", "Pelanggan tetap memakai paket selama ini.";
        pause: "暫停期間不自動重試，也不降級。", "No automatic retry and no downgrade until then.", "Tidak ada penagihan ulang otomatis dan tidak turun ke FREE sampai saat itu.";
        resume: "暫停的天數會加到寬限期。", "The days of the pause are added to the grace period.", "Hari jeda ditambahkan ke masa tenggang.";
        cancel: "方案保留至已付費期間結束；向綠界提出前可以撤回。", "The plan stays until the paid period ends; it can be undone until it is requested from ECPay.", "Paket tetap sampai masa yang dibayar habis; bisa ditarik sebelum diminta ke ECPay.";
        undo_cancel: "訂單繼續。", "The order continues.", "Pesanan berlanjut.";
        mark_paid: "例如銀行轉帳。欠款的這一期視為已付。", "A bank transfer, for example. The period that is owed counts as paid.", "Misalnya transfer bank. Masa yang terutang dianggap dibayar.";
        terms: "在綠界後台變更金額或扣款日之後，於此登記。", "After you changed amount or day in ECPay's console.", "Setelah jumlah atau tanggal diubah di konsol ECPay.";
        refund: "先在綠界後台退款，再於此登記。此處不會移動款項。", "Refund in ECPay's console first. No money moves here.", "Kembalikan dana di konsol ECPay dulu. Di sini tidak ada uang yang dipindahkan.";
        email: "尚未寄出的郵件也會寄到新地址。", "Mails that wait go to the new address, too.", "Email yang menunggu juga dikirim ke alamat baru.";
        note: "顯示在時間軸上，不會改變任何事。", "It is shown in the timeline and changes nothing.", "Tampil di linimasa dan tidak mengubah apa pun.";
    }
}

texts! {
    /// Labels of the fields of operations, and texts of the page before "do it".
    OperationWords {
        reference: "參考編號（選填）", "Reference (optional)", "Referensi (opsional)";
        amount_optional: "金額（新台幣，空白為訂單價格）", "Amount (TWD; empty: the price)", "Jumlah (TWD; kosong: harga pesanan)";
        new_amount: "每期新金額（新台幣，選填）", "New amount of each charge (TWD, optional)", "Jumlah baru tiap penagihan (TWD, opsional)";
        next_charge_on: "下次扣款日（選填）", "Day of the next charge (optional)", "Tanggal penagihan berikutnya (opsional)";
        payment: "付款", "Payment", "Pembayaran";
        end_access: "同時結束方案並取消訂單", "End the plan now and cancel the order", "Akhiri paket sekarang dan batalkan pesanan";
        new_email: "新的電子郵件地址", "New mail address", "Alamat email baru";
        note: "備註", "Note", "Catatan";
        effect: "執行後", "Afterwards", "Sesudahnya";
        entry: "將新增紀錄", "History entry", "Entri riwayat";
        no_change: "不會改變任何事。", "Nothing changes.", "Tidak ada yang berubah.";
        you_entered: "您輸入的內容", "What you entered", "Yang Anda isi";
    }
}

texts! { named
    /// Refusals of operations and of resending, by their codes.
    OperationRefusals {
        no_grace: "目前沒有寬限期。", "No grace period is running.", "Tidak ada masa tenggang yang berjalan.";
        nothing_to_pause: "只有仍保有方案的訂單可以暫停。", "Only a running subscription with its plan can be paused.", "Hanya langganan yang masih berpaket dapat ditahan.";
        not_paused: "催收並未暫停。", "Dunning is not paused.", "Penagihan ulang tidak sedang ditahan.";
        not_paid: "訂單尚未付款。", "The order was not paid yet.", "Pesanan belum dibayar.";
        order_over: "訂單已終止。", "The order is over.", "Pesanan sudah berakhir.";
        no_cancel: "沒有可撤回的取消。", "There is no cancellation to undo.", "Tidak ada pembatalan yang bisa ditarik.";
        cancel_sent: "已向綠界提出取消，無法撤回。", "The cancellation was requested from ECPay and cannot be undone.", "Pembatalan sudah diminta ke ECPay dan tidak bisa ditarik.";
        charged_since: "取消之後已有扣款。", "A charge was made since.", "Sudah ada penagihan sejak itu.";
        nothing_owed: "沒有欠款。", "Nothing is owed.", "Tidak ada yang terutang.";
        retry_open: "再次扣款的結果未定，請稍候。", "A retry is open; wait for its result.", "Hasil penagihan ulang belum ada; tunggu dulu.";
        no_terms: "此訂單沒有可變更的條件。", "This order has no terms that could change.", "Pesanan ini tidak punya ketentuan yang bisa diubah.";
        not_refundable: "此筆付款無法退款。", "This payment cannot be refunded.", "Pembayaran ini tidak dapat dikembalikan.";
        erased: "客戶資料已刪除。", "The customer was erased.", "Data pelanggan sudah dihapus.";
        already_sent: "郵件已寄出，且未被退信。", "The mail was accepted and did not bounce.", "Email sudah diterima dan tidak ditolak.";
        being_sent: "正在寄送。", "It is being sent at this moment.", "Sedang dikirim.";
        waiting: "即將首次寄送。", "It waits for its first attempt.", "Menunggu percobaan pertama.";
        undeliverable: "地址無法收信，請先變更地址。", "The address takes no mail; change it first.", "Alamat tidak menerima email; ganti dulu.";
        obsolete: "內容已不符現況。", "The mail is no longer true.", "Email tidak berlaku lagi.";
        live_order: "客戶有其他有效訂單。", "The customer has another live order.", "Pelanggan punya pesanan aktif lain.";
        order_unfinished: "訂單仍在等待綠界。", "The order still waits for ECPay.", "Pesanan masih menunggu ECPay.";
    }
}
