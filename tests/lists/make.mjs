// Writes the workbook of ExcelJS, which the import's tests read: node make.mjs
//
// Needs exceljs 4.4. Names, numbers and plates are invented.

import ExcelJS from "exceljs";

const book = new ExcelJS.Workbook();
const sheet = book.addWorksheet("Sheet1");
sheet.columns = ["NAMA", "WhatsApp", "Plat Nomor", "Tanggal Servis"].map((header) => ({ header, key: header }));
const rows = [
  // A cell of several fonts.
  [{ richText: [{ text: "Budi " }, { font: { bold: true }, text: "Santoso" }] }, "+62 812-1000-001", "B1234ABC", new Date(Date.UTC(2025, 7, 18))],
  ["Siti Aminah", "0812-1000-002", "B-5-XY", "5 Juni 2025"],
  ["Ratna Dewi", { formula: '"0812"&"1000003"', result: "08121000003" }, "D 77 QQ", new Date(Date.UTC(2025, 9, 31))],
];
for (const row of rows) sheet.addRow(row);
sheet.getColumn(4).numFmt = "d-mmm-yy";
await book.xlsx.writeFile(new URL("exceljs.xlsx", import.meta.url).pathname);
