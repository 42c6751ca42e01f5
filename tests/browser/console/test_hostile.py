"""Names and texts that are meant to break the console's pages are shown as what they are."""

from urllib.parse import quote

import pytest

from staff import ORDERS, TOKENS

SCRIPT = "<script>document.title='executed'</script>"
IMAGE = "\"><img src=x onerror=\"document.title='executed'\">"
# Visible ASCII without the signs that separate the parts of an address.
USERS = ["\"><img&src=x&onerror=alert(1)>", "<script>alert(1)<&script>", "'--{{7*7}}${7*7}", "W" * 100]
SIGNS = "'\"`;&amp;&#60;b&#62;"
REASONS = [SCRIPT, IMAGE, SIGNS, "\u202egnihtyreve esrever", "{{7*7}}{% raw %}", "W" * 100, "\u0e01\u0e33" * 50]


@pytest.fixture(params=[1280, 360])
def member(request, world, staff):
    member = staff(world, "owner", viewport={"width": request.param, "height": 740})
    member.page.on("dialog", lambda dialog: member.problems.append(f"dialog: {dialog.message}") or dialog.dismiss())
    return member


def check(member, *shown):
    """The page has these texts, and no element of theirs."""
    text = member.page.evaluate("() => document.documentElement.textContent")
    values = member.page.locator("input, textarea").evaluate_all("(inputs) => inputs.map((input) => input.value)")
    for one in shown:
        assert one in text or one in values, one
    assert "executed" not in member.page.title()
    assert member.page.locator("img, main script, main b").count() == 0
    member.check()


def test_user_ids_are_texts_on_every_page(world, member):
    for user in USERS:
        order = world.call("POST", "/api/subscriptions", {
            "user_id": user, "email": "canary@customer.example", "plan_id": "PRO", "billing_cycle": "monthly",
            "locale": "en"})["subscription_id"]
        world.call("POST", f"/sandbox/ecpay/orders/{order}/pay")
        for page in (f"{ORDERS}/{order}", f"/console/users/{quote(user, safe='')}", f"/console/search?q={quote(user)}"):
            member.see(page)
            check(member, user)
        member.see(f"{ORDERS}/{order}")
        member.press(member.page.get_by_role("link", name=user, exact=True), "/console/users/")
        assert member.page.locator("h1").inner_text() == f"User {user}"
    member.see(ORDERS)
    check(member, *USERS)


def test_reasons_and_notes_are_texts_in_the_timeline(world, member):
    number = world.subscribe("canary-noted")
    for reason in REASONS:
        world.call("POST", f"/api/subscriptions/{number}/note", {"note": reason})
    kept = [entry["why"] for entry in world.account(number)["history"] if entry["rule"] == "note-added"]
    # Signs that turn the direction of a text around are not kept.
    assert kept == [reason.replace("\u202e", "") for reason in REASONS]
    member.see(f"{ORDERS}/{number}")
    check(member, *(f"“{reason}”" for reason in kept))


def test_what_was_typed_comes_back_as_it_was(world, member):
    number = world.subscribe("canary-typed")
    for text in (SCRIPT, IMAGE, SIGNS):
        member.see(f"/console/search?q={quote(text)}")
        check(member, text)
        assert member.page.locator("#q").input_value() == text
        member.see(f"{ORDERS}/{number}")
        form = member.page.locator('form[action$="/terms"]')
        member.page.locator("details", has=form).locator("summary").click()
        form.locator('[name="why"]').fill(text)
        # Neither an amount nor a day.
        member.leave(lambda: form.get_by_role("button").click(), ORDERS, status=400)
        check(member, text)
        assert member.page.get_by_role("alert").count() == 1


def test_a_hostile_reason_survives_the_page_before_it_is_done(world, member):
    for number, text in enumerate((SCRIPT, IMAGE, SIGNS)):
        order = world.subscribe(f"canary-confirmed-{number}")
        member.see(f"{ORDERS}/{order}")
        member.operate("cancel", to=f"{ORDERS}/{order}/cancel", why=text)
        check(member, text)
        member.press(member.page.get_by_role("button", name="Do it"), f"{ORDERS}/{order}")
        [why] = [entry["why"] for entry in world.account(order)["history"] if entry["rule"] == "cancel-requested"]
        assert why == text
        check(member, f"“{text}”")


def test_names_of_the_workshop_are_texts_in_the_search(world, member):
    world.token = TOKENS["owner"]
    for number, name in enumerate((SCRIPT, IMAGE, "W" * 100)):
        phone = f"0812-5550-10{number}2"
        world.call("PUT", f"/customers/hostile-{number}", {"name": name, "salutation": "none", "phone": phone})
        member.see(f"/console/search?q={phone}")
        check(member, name)
