"""Writes the workbooks of openpyxl and XlsxWriter, which the import's tests read: python3 make.py

Needs openpyxl 3.1 and XlsxWriter 3.3. Names, numbers and plates are invented.
"""

import datetime
import pathlib

import openpyxl
import xlsxwriter

HERE = pathlib.Path(__file__).parent
TITLES = ["No", "Nama Pelanggan", "No. HP", "No Polisi", "Merk", "Tgl Servis Terakhir"]
ROWS = [
    [1, "Budi Santoso", 8121000001, "B 1234 ABC", "Avanza", datetime.date(2025, 8, 18)],
    [2, "Siti Aminah", "0812-1000-002", "b 5 xy", "Jazz", datetime.date(2025, 6, 5)],
    [3, "Ratna Dewi", 628121000003, "D 77 QQ", "Brio", datetime.date(2025, 10, 31)],
]


def by_openpyxl():
    """Titles in merged rows above the header, a serial number without a date format, a second sheet, a blank row."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Pelanggan"
    sheet["A1"] = "DAFTAR PELANGGAN BENGKEL MAJU"
    sheet.merge_cells("A1:F1")
    sheet["A2"] = "per 16 Desember 2025"
    sheet.merge_cells("A2:F2")
    sheet.append([])
    sheet.append(TITLES)
    for row in ROWS[:2]:
        sheet.append(row)
    sheet.append([])
    # 45961 is 31 October 2025.
    sheet.append(ROWS[2][:5] + [45961])
    other = book.create_sheet("Harga")
    other.append(["Nama", "HP", "Harga"])
    other.append(["Oli", "0812999999", 55000])
    book.save(HERE / "openpyxl.xlsx")


def by_xlsxwriter():
    """The 1904 date system, formulas with results, a sheet without a list before the list, a hidden sheet."""
    book = xlsxwriter.Workbook(HERE / "xlsxwriter.xlsx", {"date_1904": True, "default_date_format": "dd/mm/yyyy"})
    cover = book.add_worksheet("Sampul")
    cover.write("A1", "Laporan servis")
    hidden = book.add_worksheet("Arsip")
    hidden.write_row("A1", ["Nama", "HP"])
    hidden.write_row("A2", ["Tersembunyi", "081299999999"])
    hidden.hide()
    sheet = book.add_worksheet("Data")
    sheet.write_row("B3", TITLES[1:])
    for place, (_, name, phone, plate, brand, day) in enumerate(ROWS):
        sheet.write_row(3 + place, 1, [name, phone, plate, brand])
        sheet.write_datetime(3 + place, 5, datetime.datetime.combine(day, datetime.time(10, 30)))
    sheet.write_formula("C4", '="0812-1000-001"', None, "0812-1000-001")
    book.close()


by_openpyxl()
by_xlsxwriter()
