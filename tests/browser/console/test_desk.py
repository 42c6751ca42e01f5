"""Customers, vehicles and the schedule of the workshop, by keyboard on a narrow phone, in Indonesian."""

from test_workshop import CUSTOMERS, SCHEDULE, VEHICLES, button, desk, find, vehicles, workshop  # noqa: F401

NAME, PHONE, PLATE = "Sari Canary", "0812-5550-1022", "D 88 XY"


def form(desk, operation):
    return desk.page.locator(f'form[action$="/{operation}"]')


def unfolded(desk, operation):
    """Opens the form of an operation."""
    part = desk.page.locator("details", has=form(desk, operation))
    desk.unfold(part.locator("summary"))
    return form(desk, operation)


def added(world, desk):
    """A customer with a vehicle whose next visit is in two days, made in the console; the customer's number."""
    desk.see(CUSTOMERS)
    for field, value in (("name", NAME), ("phone", PHONE)):
        desk.type(desk.page.locator(f"#add-{field}"), value)
    desk.press(button(desk, "Simpan"), f"{CUSTOMERS}/")
    assert desk.said() == "Tersimpan." and desk.page.locator("h1").inner_text() == NAME
    fields = unfolded(desk, "add-vehicle")
    # Day, month and year are typed in the order of the browser's own language, which no test knows.
    for field, day in (("last_visit_date", "2025-08-19"), ("next_visit_date", "2025-12-18")):
        fields.locator(f'[name="{field}"]').evaluate("(input, day) => { input.value = day }", day)
    desk.type(fields.locator('[name="plate"]'), PLATE.lower())
    desk.press(fields.get_by_role("button"), f"{CUSTOMERS}/")
    assert desk.said() == "Kendaraan disimpan."
    return vehicles(world)[PLATE]["customer_id"]


def test_a_customer_is_added_changed_opted_out_and_erased(workshop, desk, axe):
    number = added(workshop, desk)
    desk.check_accessibility(axe)
    fields = unfolded(desk, "edit")
    fields.locator('[name="name"]').fill("Sari Dewi")
    desk.press(fields.get_by_role("button"), f"{CUSTOMERS}/{number}")
    assert workshop.call("GET", f"/customers/{number}")["name"] == "Sari Dewi"
    # Its vehicle has such a form too.
    fields = unfolded(desk, f"{number}/opt-out")
    desk.type(fields.locator('[name="why"]'), "minta lewat telepon")
    desk.press(fields.get_by_role("button"), f"{CUSTOMERS}/{number}")
    assert desk.said() == "Nomor ini tidak lagi menerima pengingat."
    assert "tidak menerima pengingat" in desk.page.locator(".headline").inner_text()
    assert len(workshop.call("GET", "/opt-outs")["opt_outs"]) == 1
    desk.press(form(desk, "erase").get_by_role("button"), f"{CUSTOMERS}/{number}/erase")
    # Nothing is erased before the confirmation.
    assert "Data ini dihapus selamanya" in desk.text() and PLATE in vehicles(workshop)
    desk.check_accessibility(axe)
    desk.type(desk.page.locator('main form [name="why"]'), "diminta pelanggan")
    desk.press(desk.page.locator("main form").get_by_role("button"), CUSTOMERS)
    assert desk.said() == "Data pribadi sudah dihapus."
    assert vehicles(workshop) == {}
    desk.see(CUSTOMERS)
    desk.type(desk.page.locator("#customer-q"), PHONE)
    desk.enter(CUSTOMERS)
    assert "Pelanggan tidak ditemukan." in desk.text()
    # The wish for no more messages outlives the erasure.
    assert len(workshop.call("GET", "/opt-outs")["opt_outs"]) == 1


def test_a_phone_number_of_another_customer_is_no_second_customer(workshop, desk):
    number = added(workshop, desk)
    desk.see(CUSTOMERS)
    for field, value in (("name", "Orang Lain"), ("phone", PHONE)):
        desk.page.locator(f"#add-{field}").fill(value)
    desk.leave(lambda: button(desk, "Simpan").click(), CUSTOMERS, status=409)
    assert "Nomor HP ini sudah milik pelanggan lain" in desk.page.get_by_role("alert").inner_text()
    assert desk.page.locator("#add-name").input_value() == "Orang Lain"
    desk.press(desk.page.get_by_role("link", name="Lihat pelanggan itu"), f"{CUSTOMERS}/{number}")
    assert desk.page.locator("h1").inner_text() == NAME


def test_a_visit_is_recorded_in_the_list_of_vehicles_due(workshop, desk, axe):
    added(workshop, desk)
    desk.press(desk.page.locator("nav").get_by_role("link", name="Kendaraan"), VEHICLES)
    assert PLATE in desk.text() and "2 hari lagi" in desk.text()
    desk.check_accessibility(axe)
    fields = unfolded(desk, "visit")
    assert fields.locator('[name="date"]').input_value() == "2025-12-16"
    desk.press(fields.get_by_role("button", name="Catat servis"), VEHICLES)
    assert desk.said() == "Servis dicatat." and PLATE not in desk.page.locator("main").inner_text()
    stored = vehicles(workshop)[PLATE]
    assert stored["last_visit_date"] == "2025-12-16" and stored["next_visit_date"] > "2026-03-01"
    find(desk, NAME)
    assert "2025-12-16" in desk.text()


def test_the_schedule_is_started_and_stopped(workshop, desk, axe):
    added(workshop, desk)
    desk.press(desk.page.locator("nav").get_by_role("link", name="Jadwal"), SCHEDULE)
    desk.check_accessibility(axe)
    status = lambda: workshop.call("GET", "/scheduler/maintenance-reminder/status")
    assert "Jadwal menyala" in desk.page.locator(".headline").inner_text()
    desk.press(unfolded(desk, "stop").get_by_role("button"), SCHEDULE)
    assert desk.said() == "Jadwal dimatikan."
    stopped = status()
    fields = unfolded(desk, "start")
    fields.locator("#hour").select_option("9")
    desk.press(fields.get_by_role("button"), SCHEDULE)
    assert desk.said() == "Jadwal dinyalakan." and "09:00 WIB" in desk.text()
    assert status() != stopped


def test_a_run_on_demand_shows_its_messages_before_it_sends_them(workshop, desk, axe):
    added(workshop, desk)
    desk.see(SCHEDULE)
    desk.press(unfolded(desk, "run").get_by_role("button"), f"{SCHEDULE}/run")
    sent = lambda: [one for one in workshop.call("GET", "/sandbox/messages")["messages"] if "6281255501022" in str(one)]
    assert PLATE in desk.text() and sent() == []
    desk.check_accessibility(axe)
    desk.press(button(desk, "Kirim pesan ini"), SCHEDULE)
    [message] = sent()
    assert NAME.split()[0] in str(message["body"]) and PLATE in str(message["body"])
