"""The workshop's desk works by keyboard on a narrow phone, in Indonesian."""

import pathlib
import re

import pytest

import workbook
from staff import TOKENS
from world import World

PHONE_SCREEN = {"width": 360, "height": 740}
# A day on which the services of the lists are over.
NOW = "2025-12-16T10:00:00+08:00"
TITLES = ["Nama Pelanggan", "No. HP", "No Polisi", "Tgl Servis Terakhir"]
CUSTOMERS, IMPORT, VEHICLES, SCHEDULE = (f"/console/{name}" for name in ("customers", "import", "vehicles", "schedule"))


@pytest.fixture
def workshop(pytestconfig):
    world = World(pytestconfig.getoption("--sandbox"), now=NOW)
    world.token = TOKENS["owner"]
    yield world
    world.end()


@pytest.fixture
def desk(workshop, staff):
    desk = staff(workshop, "workshop", locale="id-ID", viewport=PHONE_SCREEN)
    # From now on the browser hands over what chooses a file, in place of opening it.
    desk.page.on("filechooser", lambda chooser: None)
    return desk


def button(desk, name):
    return desk.page.get_by_role("button", name=name, exact=True)


def upload(desk, file, to=IMPORT):
    """Chooses a file by keyboard, and has it checked."""
    desk.press(desk.page.locator("nav").get_by_role("link", name="Impor"), IMPORT)
    desk.focus(desk.page.locator("#file"))
    with desk.page.expect_file_chooser() as chooser:
        desk.page.keyboard.press("Enter")
    chooser.value.set_files(file)
    desk.press(button(desk, "Periksa file"), to)


def counts(desk):
    """Counts of an import by their names."""
    tiles = desk.page.locator(".tiles li").all_inner_texts()
    return {name.strip(): int(count) for count, name in (re.split(r"\n+", tile.strip()) for tile in tiles)}


def take_over(desk):
    desk.press(button(desk, "Simpan daftar"), IMPORT)
    assert desk.said() == "Daftar sudah disimpan."


def find(desk, text):
    """Searches for a customer, and opens the only one that is found."""
    desk.see(CUSTOMERS)
    desk.type(desk.page.locator("#customer-q"), text)
    desk.enter(CUSTOMERS)
    [link] = desk.page.locator("tbody a").all()
    desk.press(link, f"{CUSTOMERS}/")


def vehicles(world):
    """Vehicles by plate."""
    return {one["plate"]: one for one in world.call("GET", "/vehicles?limit=100")["vehicles"]}


@pytest.fixture
def bad_list(tmp_path):
    """A list with cells that cannot be read."""
    workbook.write(tmp_path / "daftar.xlsx", [
        TITLES,
        ["Budi Santoso", "0812-1000-001", "B 1234 ABC", "18/08/2025"],
        ["Siti Aminah", "0812-1000-002", "B 5 XY", "31/10/2025"],
        ["Ratna Dewi", "12345", "D 77 QQ", "20/11/2025"],
        ["Agus Wijaya", "0812-1000-004", "tidak tahu", "25/11/2025"],
        ["Rina Lestari", "0812-1000-005", "F 5 GH", "45/45/2025"],
    ])
    return tmp_path / "daftar.xlsx"


def test_a_list_with_bad_cells_is_checked_and_taken_over(workshop, desk, axe, bad_list):
    upload(desk, bad_list)
    desk.check_accessibility(axe)
    assert "Belum ada yang disimpan" in desk.text()
    marked = desk.page.locator("mark").all_inner_texts()
    assert {"12345", "tidak tahu", "45/45/2025"} <= set(marked)
    before = counts(desk)
    assert before["Baris"] == 5 and before["Ditolak"] >= 2 and before["Akan disimpan"] >= 2
    assert vehicles(workshop) == {}
    take_over(desk)
    desk.check_accessibility(axe)
    after = counts(desk)
    assert (after["Baris"], after["Tersimpan"], after["Ditolak"]) == (5, before["Akan disimpan"], before["Ditolak"])
    stored = vehicles(workshop)
    assert stored["B 1234 ABC"]["last_visit_date"] == "2025-08-18" and "D 77 QQ" not in stored
    for text in ("budi", "B 1234 ABC", "0812-1000-001"):
        find(desk, text)
        assert desk.page.locator("h1").inner_text() == "Budi Santoso" and "B 1234 ABC" in desk.text()
    # The same list once more stores nothing.
    upload(desk, bad_list)
    assert counts(desk)["Sudah sama"] == after["Tersimpan"]
    assert button(desk, "Simpan daftar").count() == 0


@pytest.mark.parametrize("file", ["openpyxl", "xlsxwriter", "exceljs"])
def test_workbooks_of_other_programs_are_taken_over(workshop, desk, file):
    upload(desk, pathlib.Path("tests/lists", f"{file}.xlsx").resolve())
    take_over(desk)
    assert counts(desk)["Tersimpan"] == 3
    assert {plate: one["last_visit_date"] for plate, one in vehicles(workshop).items()} == {
        "B 1234 ABC": "2025-08-18", "B 5 XY": "2025-06-05", "D 77 QQ": "2025-10-31"}


@pytest.mark.parametrize("order, day", [
    ("Baca sebagai hari/bulan/tahun", "2025-06-05"), ("Baca sebagai bulan/hari/tahun", "2025-05-06"),
])
def test_dates_that_may_be_two_days_are_asked_about(workshop, desk, axe, tmp_path, order, day):
    workbook.write(tmp_path / "daftar.xlsx", [TITLES, ["Budi Santoso", "0812-1000-001", "B 1234 ABC", "05/06/2025"]])
    upload(desk, tmp_path / "daftar.xlsx")
    assert "Ada tanggal yang bisa dibaca dua cara" in desk.text()
    desk.check_accessibility(axe)
    desk.press(button(desk, order), IMPORT)
    assert desk.page.locator("mark").count() == 0
    take_over(desk)
    assert vehicles(workshop)["B 1234 ABC"]["last_visit_date"] == day


def test_a_file_that_is_no_list_is_refused_with_a_reason(workshop, desk, tmp_path):
    (tmp_path / "foto.xlsx").write_bytes(b"\x89PNG no workbook")
    desk.see(IMPORT)
    desk.page.locator("#file").set_input_files(tmp_path / "foto.xlsx")
    desk.leave(lambda: button(desk, "Periksa file").click(), IMPORT, status=400)
    assert desk.page.get_by_role("alert").count() == 1 and desk.page.locator("#file").count() == 1
    assert vehicles(workshop) == {}


def test_picture_of_the_preview(workshop, staff, images, bad_list):
    member = staff(workshop, "workshop", viewport={"width": 1200, "height": 800})
    member.see(IMPORT)
    member.page.locator("#file").set_input_files(bad_list)
    member.leave(lambda: button(member, "Check the file").click(), IMPORT)
    assert "Will be stored" in member.text()
    member.page.locator("h2", has_text="Columns").evaluate("(title) => title.scrollIntoView()")
    assert member.page.locator("mark").count() == 3
    member.picture(images, "console-import.png", full_page=False)
