//! Texts of the import of a workshop's list.

use crate::console::words::texts;

texts! {
    /// Texts of the form, the preview and the result of an import.
    ImportWords {
        title: "匯入名單", "Import a list", "Impor daftar";
        intro: "請選擇顧客與車輛名單（Excel 的 xlsx 或 CSV）。下一步會先顯示將匯入的內容，確認前不會儲存任何資料。", "Choose your list of customers and vehicles: an Excel file (xlsx) or CSV. The next page shows what will be stored. Nothing is stored before you confirm.", "Pilih daftar pelanggan dan kendaraan: file Excel (xlsx) atau CSV. Halaman berikutnya menampilkan apa yang akan disimpan. Belum ada yang disimpan sebelum Anda setuju.";
        columns_hint: "第一列須有欄位名稱。姓名與手機號碼為必要，車牌與上次保養日期為車輛所需。欄位順序不拘，其他欄位會略過。", "The list needs titles in its first row. Names and phone numbers are needed; vehicles need a plate and the day of the last visit. The order of the columns does not matter, and others are ignored.", "Daftar perlu judul kolom di baris pertama. Nama dan nomor HP harus ada; kendaraan perlu nomor polisi dan tanggal servis terakhir. Urutan kolom bebas, kolom lain diabaikan.";
        sample: "下載範例檔案（CSV）", "Download a sample file (CSV)", "Unduh contoh file (CSV)";
        file: "檔案（xlsx 或 CSV）", "File (xlsx or CSV)", "File (xlsx atau CSV)";
        order: "日期順序：05/06/2025 代表哪一天？", "Order of dates: which day is 05/06/2025?", "Urutan tanggal: 05/06/2025 itu tanggal berapa?";
        order_open: "不確定：可作兩種解讀的日期會被標示", "Not sure: mark the dates that can be read in two ways", "Tidak yakin: tandai tanggal yang bisa dibaca dua cara";
        order_dmy: "日/月/年：2025 年 6 月 5 日（印尼常用）", "Day/month/year: 5 June 2025, as usual in Indonesia", "Hari/bulan/tahun: 5 Juni 2025, seperti biasa di Indonesia";
        order_mdy: "月/日/年：2025 年 5 月 6 日（美式）", "Month/day/year: 6 May 2025, as in the United States", "Bulan/hari/tahun: 6 Mei 2025, cara Amerika";
        upload: "檢查檔案", "Check the file", "Periksa file";
        no_file: "請選擇檔案。", "Choose a file.", "Pilih file dulu.";
        gone: "檔案已不在系統中（僅保留一小時），請重新選擇。", "The file is kept for an hour only and is not there any more. Choose it again.", "File hanya disimpan satu jam dan sudah tidak ada. Pilih file sekali lagi.";
        slow: "無法及時檢查這份名單。請稍後再試，或將名單分成數份。", "The list could not be checked in time. Try again, or divide the list into parts.", "Daftar tidak selesai diperiksa. Coba lagi, atau bagi daftar menjadi beberapa bagian.";
        preview_title: "預覽", "Preview of the import", "Pratinjau impor";
        nothing_stored: "尚未儲存任何資料。請確認內容後按「匯入」。", "Nothing is stored yet. Check the list, then press “Take over”.", "Belum ada yang disimpan. Periksa daftar ini, lalu tekan “Simpan daftar”.";
        take_over: "匯入", "Take over", "Simpan daftar";
        nothing_to_store: "沒有可匯入的新資料。", "The list has nothing new to store.", "Tidak ada data baru yang perlu disimpan.";
        other_file: "選擇其他檔案", "Choose another file", "Pilih file lain";
        ambiguous: "名單中有些日期可作兩種解讀。請選擇順序，無須重新上傳：", "Some dates of the list can be read in two ways. Choose their order; you need not upload the file again:", "Ada tanggal yang bisa dibaca dua cara. Pilih urutannya, file tidak perlu diunggah lagi:";
        read_as_dmy: "以 日/月/年 讀取", "Read as day/month/year", "Baca sebagai hari/bulan/tahun";
        read_as_mdy: "以 月/日/年 讀取", "Read as month/day/year", "Baca sebagai bulan/hari/tahun";
        order_chosen: "日期讀取方式：", "Dates are read as:", "Tanggal dibaca sebagai:";
        open_date: "可作兩種解讀的日期；請選擇日期順序", "may be two dates; choose the order of dates", "bisa berarti dua tanggal; pilih urutan tanggal";
        sheet: "工作表：", "Sheet:", "Lembar:";
        sheets_not_read: "未讀取的工作表：", "Sheets that are not read:", "Lembar yang tidak dibaca:";
        columns: "欄位", "Columns", "Kolom";
        column_title: "檔案中的名稱", "Title in the file", "Judul di file";
        column_meaning: "讀取為", "Read as", "Dibaca sebagai";
        ignored: "略過", "ignored", "diabaikan";
        counts: "筆數", "Counts", "Jumlah";
        rows: "列", "Rows", "Baris";
        would_store: "將儲存", "Will be stored", "Akan disimpan";
        stored: "已儲存", "Stored", "Tersimpan";
        unchanged: "已有相同資料", "Unchanged", "Sudah sama";
        older: "較早的保養紀錄", "Older visits", "Servis lebih lama";
        refused: "無法匯入", "Refused", "Ditolak";
        remaining: "尚待儲存", "Still to be stored", "Belum disimpan";
        first_rows: "前幾列", "First rows", "Baris pertama";
        line: "列號", "Line", "Baris";
        refused_rows: "無法匯入的列", "Refused rows", "Baris yang ditolak";
        refused_hint: "請在檔案中修正後再匯入一次；重複匯入不會造成重複資料。", "Correct them in your file and import it again; a repeated import does no harm.", "Perbaiki di file Anda lalu impor lagi; impor berulang tidak membuat data ganda.";
        value: "內容", "Value", "Isi";
        notes: "備註（其餘內容仍會儲存）", "Remarks; the rest of these rows is stored", "Catatan; isi lain dari baris ini tetap disimpan";
        result_title: "匯入結果", "Result of the import", "Hasil impor";
        result_done: "名單已匯入。", "The list is stored.", "Daftar sudah disimpan.";
        running: "名單仍在儲存中，您可以離開此頁。", "The list is still being stored. You may leave this page.", "Daftar masih disimpan. Anda boleh meninggalkan halaman ini.";
        progress: "進度", "Progress", "Kemajuan";
        to_customers: "查看顧客", "See the customers", "Lihat pelanggan";
        to_vehicles: "查看待保養車輛", "See the vehicles due", "Lihat kendaraan yang jatuh tempo";
    }
}
