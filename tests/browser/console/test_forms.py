"""Forms of the console: pressed twice, out of date, refused, and without scripts."""

import csv

import pytest

from staff import LOGIN, ORDERS, TOKENS, past_due
from world import email

USER = "canary-customer"
# Entries of a timeline in one answer.
ENTRIES = 40


def form(member, name):
    """Opens the form of an operation, with a reason in it."""
    part = member.page.locator(f'details:has(form[action$="/{name}"])')
    part.locator("summary").click()
    part.locator('[name="why"]').fill("canary")
    return part


def test_a_double_click_does_it_once(world, staff):
    number = past_due(world, USER)
    member = staff(world)
    member.see(f"{ORDERS}/{number}")
    member.double_click(form(member, "retry").get_by_role("button"), f"{ORDERS}/{number}")
    assert len(world.at_ecpay(number)["retries_asked"]) == 1
    part = form(member, "extend-grace")
    part.locator('[name="days"]').fill("2")
    member.double_click(part.get_by_role("button"), f"{ORDERS}/{number}")
    assert world.account(number)["grace_period_ends_at"][:10] == "2025-01-14"
    assert "2025-01-14 10:00" in member.text()


def test_a_form_that_is_out_of_date_says_so_and_keeps_what_was_typed(world, staff, axe):
    number = past_due(world, USER)
    member = staff(world)
    member.see(f"{ORDERS}/{number}")
    world.call("POST", f"/api/subscriptions/{number}/mark-paid", {"why": "bank transfer"})
    part = form(member, "extend-grace")
    part.locator('[name="days"]').fill("5")
    member.leave(lambda: part.get_by_role("button").click(), f"{ORDERS}/{number}", status=409)
    assert member.page.get_by_role("alert").inner_text() == "No grace period is running."
    assert part.locator('[name="days"]').input_value() == "5" and part.locator('[name="why"]').input_value() == "canary"
    member.check_accessibility(axe)


def test_an_answer_of_the_past_is_not_done_again_by_going_back(world, staff):
    number = world.subscribe(USER)
    member = staff(world)
    member.see(f"{ORDERS}/{number}")
    member.operate("note", note="canary note")
    member.back()
    member.page.reload()
    member.check()
    assert [entry["rule"] for entry in world.account(number)["history"]].count("note-added") == 1


@pytest.mark.parametrize("has_scripts", [True, False])
def test_older_entries_of_the_timeline_are_shown_on_request(world, staff, has_scripts):
    number = world.subscribe(USER)
    for note in range(45):
        world.call("POST", f"/api/subscriptions/{number}/note", {"note": f"note {note:02}"})
    member = staff(world, java_script_enabled=has_scripts)
    member.see(f"{ORDERS}/{number}")
    # One more leads to the older ones.
    assert member.page.locator(".timeline > li").count() == ENTRIES + 1 and "note 02" not in member.text()
    older = member.page.get_by_role("link", name="Older entries")
    if has_scripts:
        older.focus()
        member.page.keyboard.press("Enter")
        member.page.get_by_text("note 00").wait_for()
        assert "note 44" in member.text() and member.page.locator(".timeline > li").count() > ENTRIES + 5
        member.check()
    else:
        member.leave(older.click, f"{ORDERS}/{number}")
        assert "note 00" in member.text() and "note 44" not in member.text()
    assert member.page.get_by_role("link", name="Older entries").count() == 0


def test_every_job_works_without_scripts(world, staff):
    number = world.subscribe(USER)
    member = staff(world, role=None, java_script_enabled=False)
    member.see(ORDERS)
    assert LOGIN in member.page.url
    member.enter_token(TOKENS["support"], ORDERS)
    member.search(email(USER), number)
    member.operate("cancel", to=f"{ORDERS}/{number}/cancel", why="canary")
    member.press(member.page.get_by_role("button", name="Do it"), f"{ORDERS}/{number}")
    assert world.account(number)["cancel_requested_at"]
    member.press(member.page.get_by_role("button", name="Sign out"), LOGIN)


def test_the_list_is_filtered_and_given_as_a_file(story, staff):
    member = staff(story.world)
    member.see(ORDERS)
    member.page.locator("#status").select_option("past_due")
    member.leave(lambda: member.page.get_by_role("button", name="Show").click(), ORDERS)
    orders = member.page.locator("tbody tr td:first-child").all_inner_texts()
    assert orders == [story.orders["past_due"]]
    with member.page.expect_download() as given:
        member.page.get_by_role("link", name="Download CSV").click()
    with open(given.value.path(), encoding="utf-8-sig", newline="") as file:
        [row] = csv.DictReader(file)
    assert given.value.suggested_filename == "subscriptions.csv"
    assert (row["id"], row["user_id"], row["status"]) == (story.orders["past_due"], "corner-books", "past_due")


def test_today_leads_to_what_needs_staff(story, staff):
    member = staff(story.world)
    for tile, found in [("past due", story.orders["past_due"]), ("mails not accepted", story.orders["dead"])]:
        member.see("/console")
        link = member.page.locator(".tiles a", has_text=tile)
        assert link.inner_text().split() == ["1", *tile.split()]
        member.press(link, "/console/")
        assert found in member.text()


def test_a_preview_shows_a_mail_with_the_values_of_the_order(story, staff):
    member = staff(story.world)
    member.see(f"/console/messages?subscription={story.number}")
    member.press(member.page.get_by_role("link", name="receipt"), "/console/previews/receipt")
    assert "NT$" in member.text() and story.number in member.text()
    member.check_fit()
