//! Texts of the pages of subscriptions.

use crate::console::words::texts;

texts! {
    /// Texts of the pages of subscriptions, users and mails.
    BillingWords {
        user: "使用者", "User", "Pengguna";
        ordered_plan: "訂購方案", "Ordered plan", "Paket dipesan";
        price: "價格", "Price", "Harga";
        monthly: "每月", "a month", "per bulan";
        annual: "每年", "a year", "per tahun";
        card: "卡號末四碼", "Card ending in", "Kartu berakhiran";
        since: "建立於", "Created", "Dibuat";
        paid_until: "已付費至", "Paid until", "Dibayar sampai";
        next_charge: "下次扣款", "Next charge", "Penagihan berikutnya";
        no_next_charge: "不會再扣款", "none", "tidak ada";
        next_action: "下一步", "Next action", "Tindakan berikutnya";
        no_next_action: "無", "none", "tidak ada";
        grace: "寬限期", "Grace period", "Masa tenggang";
        last_query: "最近查詢綠界", "Last query of ECPay", "Terakhir ditanya ke ECPay";
        at_ecpay: "在綠界：", "at ECPay:", "di ECPay:";
        decline: "拒絕原因", "Reason of the decline", "Alasan penolakan";
        replaces: "取代訂單", "Replaces", "Menggantikan";
        replaced_by: "由此訂單取代", "Replaced by", "Digantikan oleh";
        paid_by: "此次購買由此訂單付款", "This purchase was paid by", "Pembelian ini dibayar oleh";
        payments: "付款", "Payments", "Pembayaran";
        no_payments: "尚無付款。", "No payment yet.", "Belum ada pembayaran.";
        result: "結果", "Result", "Hasil";
        amount: "金額", "Amount", "Jumlah";
        unknown_amount: "金額不明", "amount unknown", "jumlah tidak diketahui";
        code: "綠界代碼", "ECPay's code", "Kode ECPay";
        authorisation: "授權單號", "Authorisation", "Otorisasi";
        refund_due: "應退", "refund due", "harus dikembalikan";
        refunded: "已退", "refunded", "dikembalikan";
        timeline: "時間軸", "Timeline", "Linimasa";
        of_history: "紀錄", "history", "riwayat";
        of_payment: "付款", "payment", "pembayaran";
        of_message: "郵件", "mail", "email";
        of_callback: "付款結果通知", "callback", "callback";
        of_quarantine: "隔離", "quarantined", "karantina";
        by_ecpay: "綠界", "ECPay", "ECPay";
        by_schedule: "排程", "schedule", "jadwal";
        customer: "客戶", "customer", "pelanggan";
        older: "較早的紀錄", "Older entries", "Entri lama";
        unreadable: "筆資料無法讀取，請看系統日誌。", "items cannot be read; the log names them.", "data tidak dapat dibaca; lihat log.";
        operations: "可執行的動作", "What you can do", "Yang dapat dilakukan";
        messages_of_order: "此訂單的郵件", "Mails of this order", "Email pesanan ini";
        all_orders: "此使用者的所有訂單", "All orders of the user", "Semua pesanan pengguna";
        found_customers: "工場顧客", "Customers of the workshop", "Pelanggan bengkel";
        nothing_found: "找不到符合的資料。請輸入完整的訂單編號、使用者、電子郵件、卡號末四碼、綠界交易編號、授權單號、電話或車牌，或姓名的開頭。", "Nothing was found. Enter a whole order, user, mail address, last four digits of a card, TradeNo, authorisation (gwsr), phone number or plate, or the beginning of a name.", "Tidak ditemukan. Masukkan secara lengkap nomor pesanan, pengguna, email, 4 digit terakhir kartu, TradeNo, otorisasi (gwsr), telepon, atau plat, atau awal sebuah nama.";
        more_found: "還有更多，請輸入更完整的內容。", "There is more. Enter more of it.", "Masih ada lagi. Masukkan lebih lengkap.";
        search_title: "搜尋結果", "Search", "Pencarian";
        user_plan: "目前方案", "Plan of the user", "Paket pengguna";
        user_plan_hint: "所有有效訂單中最好的方案。", "The best plan of all live orders.", "Paket terbaik dari semua pesanan aktif.";
        live_orders: "有效訂單", "Live orders", "Pesanan aktif";
        export: "匯出所有資料（JSON）", "Export all data (JSON)", "Ekspor semua data (JSON)";
        erase: "刪除個人資料", "Erase personal data", "Hapus data pribadi";
        erase_title: "刪除此使用者的個人資料？", "Erase the personal data of this user?", "Hapus data pribadi pengguna ini?";
        erase_effect: "將刪除使用者代號、電子郵件與備註，且無法復原。付款紀錄因會計而保留。", "User id, mail addresses and notes are erased for good. Payment records stay for accounting.", "ID pengguna, alamat email dan catatan dihapus selamanya. Catatan pembayaran disimpan untuk pembukuan.";
        erase_why_hint: "原因會保留，因此不可寫出使用者代號或電子郵件。", "The reason is kept, so it must not name the user or an address.", "Alasan disimpan, jadi jangan menyebut pengguna atau alamatnya.";
        erased_on: "已刪除於", "Erased", "Dihapus";
        portal_link: "客戶頁面連結", "Link to the customer page", "Tautan halaman pelanggan";
        portal_link_hint: "請將此連結寄給客戶本人；持有者可代客戶操作。連結只顯示這一次。", "Send this link to the customer alone: its holder can act as the customer. It is shown this once.", "Kirim tautan ini hanya kepada pelanggan: pemegangnya dapat bertindak sebagai pelanggan. Hanya tampil sekali ini.";
        valid_until: "有效至", "Valid until", "Berlaku sampai";
        make_link: "產生連結", "Make a link", "Buat tautan";
        messages_of: "訂單的郵件：", "Mails of order", "Email pesanan";
        to_staff: "客服", "staff", "petugas";
        provider_words: "郵件服務的回覆", "Answer of the mail service", "Jawaban layanan email";
        text_as_sent: "內容（依目前範本）", "Text, by the present template", "Isi, menurut templat sekarang";
        resend: "重新寄送", "Send again", "Kirim ulang";
        resent_by: "重新寄送：", "Sent again by", "Dikirim ulang oleh";
        cannot_resend: "無法重新寄送：", "Cannot be sent again:", "Tidak dapat dikirim ulang:";
        no_messages: "沒有此狀態的郵件。", "No mail is in this state.", "Tidak ada email dengan status ini.";
        choose_state: "選擇狀態", "choose a state", "pilih status";
        erase_live: "訂單仍有效，請先取消該訂單，待其終止後再刪除。", "An order is still live: cancel it first, and erase once it has ended.", "Masih ada pesanan aktif: batalkan dulu, lalu hapus setelah berakhir.";
        needs_attention: "只看工作一再失敗的訂單", "only orders with a failing task", "hanya pesanan dengan tugas gagal";
        preview: "預覽範本", "Preview of a template", "Pratinjau templat";
        preview_hint: "以此訂單的資料預覽。", "With the values of this order.", "Dengan data pesanan ini.";
        find_order: "輸入訂單編號以查看其郵件", "Enter an order to see its mails", "Masukkan nomor pesanan untuk melihat emailnya";
    }
}
