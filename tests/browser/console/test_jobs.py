"""The five most frequent jobs of support, by keyboard from the sign-in until they are done."""

from urllib.parse import urlsplit

import pytest

from staff import CUSTOMER, LOGIN, ORDERS, TOKENS, past_due, request
from story import NOTE, WHY_EXTENDED, bounced
from world import email

USER = "canary-caller"
SCREENS = [pytest.param({"width": 1280, "height": 800}, id="1280"), pytest.param({"width": 360, "height": 740}, id="360")]


@pytest.fixture(params=SCREENS)
def screen(request):
    return request.param


@pytest.fixture
def begin(staff, screen, note):
    """Begins a job at the sign-in; what it took is kept at its end."""
    begun = []

    def begin(world, job):
        member = staff(world, role=None, viewport=screen)
        begun.append((job, member.shown_at, member))
        member.see("/console")
        assert LOGIN in member.page.url
        member.enter_token(TOKENS["support"])
        return member

    yield begin
    for job, began, member in begun:
        seconds = member.shown_at - began
        note(f"{job}\t{screen['width']} px\t{member.clicks} clicks\t{member.keys} keys\t{seconds:.1f} s")


def history(world, number, rule):
    """Entries of a rule in an order's history, each as actor and reason."""
    entries = world.account(number)["history"]
    return [(entry["by"], entry.get("why")) for entry in entries if entry["rule"] == rule]


def test_why_is_she_on_free(story, begin):
    member = begin(story.world, "why is she on FREE?")
    member.search(email(CUSTOMER), story.number)
    text = member.text()
    assert "On FREE since 2025-03-16" in text and "a successful payment restores PRO" in text
    assert "Reason of the decline: insufficient limit or balance (10100252" in text
    entries = member.timeline()
    titles = [entry[2] for entry in entries]
    assert titles.count("retry requested from ECPay") == 3
    assert [title for title in titles if "NT$899 failed" in title] == ["NT$899 failed"] * 4
    for kind in ("first failed charge", "second failed charge", "last warning", "downgrade"):
        assert [entry[3] for entry in entries if entry[1] == "mail" and entry[2].startswith(kind)] == ["sent"], kind
    by = [entry[-1] for entry in entries]
    assert f"support: “{WHY_EXTENDED}”" in by and f"support: “{NOTE}”" in by
    # The business's app and the customer's own page say the same.
    assert story.world.account(story.number)["plan_id"] == "FREE"
    address = story.world.call("POST", f"/api/users/{CUSTOMER}/portal-link", {})["url"]
    status, _, portal = request(story.world, "GET", urlsplit(address).path)
    assert status == 200 and "FREE" in portal


def test_the_charge_is_tried_again_after_the_limit_was_raised(world, begin):
    number = past_due(world, USER)
    member = begin(world, "retry of a charge")
    member.search(email(USER), number)
    member.operate("retry", why="limit raised today")
    assert member.said() == "A retry was requested from ECPay. Its result shows here in a while."
    assert history(world, number, "retry-requested") == [("staff:support", "limit raised today")]
    assert len(world.at_ecpay(number)["retries_asked"]) == 1
    assert "retry" not in member.operations()
    world.travel(0.1)
    order = world.account(number)
    assert (order["status"], order["plan_id"]) == ("active", "PRO")
    assert [mail["subject"][:4] for mail in world.mails(USER)] == ["付款收據", "付款失敗", "付款成功"]
    # The session has ended meanwhile.
    member.sign_in("support")
    member.see(f"{ORDERS}/{number}")
    assert "Active on PRO" in member.text()


def test_the_grace_period_is_extended_by_a_week(world, begin):
    number = past_due(world, USER)
    assert world.account(number)["grace_period_ends_at"][:16] == "2025-01-12T02:00"
    member = begin(world, "seven days more of grace")
    member.search(USER, number)
    member.operate("extend-grace", days="7", why="pays after payday")
    assert member.said() == "The grace period is extended."
    assert "until 2025-01-19 10:00" in member.page.locator(".facts").inner_text()
    assert world.account(number)["grace_period_ends_at"][:16] == "2025-01-19T02:00"
    assert history(world, number, "grace-extended-by-staff") == [("staff:support", "pays after payday")]
    # Retries fail, and the plan is kept until the new end.
    world.call("PUT", f"/sandbox/ecpay/orders/{number}", {"next_outcomes": ["10100252"] * 9})
    world.travel(13.9)
    assert world.account(number)["plan_id"] == "PRO"


def test_a_mail_that_bounced_is_sent_to_the_new_address(world, begin):
    number = bounced(world, USER)
    old, new = email(USER), "canary-new@customer.example"
    member = begin(world, "no mail arrived")
    member.search(old, number)
    assert "no mail is sent until it is changed" in member.text()
    member.operate("email", email=new, why="called from the known number")
    assert member.said() == "The mail address is changed."
    assert new in member.text() and old not in member.page.locator(".facts").inner_text()
    member.press(member.page.get_by_role("link", name="Mails of this order"), "/console/messages")
    assert "bounced for good" in member.text() and old in member.text()
    [resend] = member.page.locator('details:has(form[action$="/resend"])').all()
    member.unfold(resend.locator("summary"))
    member.type(resend.locator('[name="why"]'), "to the new address")
    member.press(resend.get_by_role("button"), "/console/messages")
    assert member.said() == "It is queued and goes out within seconds."
    world.travel(0.01)
    [arrived] = [mail for mail in world.call("GET", "/sandbox/messages")["messages"] if mail.get("to") == new]
    assert arrived["subject"] == "付款收據 - Payment Receipt"
    member.page.reload()
    assert new in member.text() and "sent" in member.text()


def test_an_order_is_cancelled_for_the_customer_and_the_cancellation_undone(world, begin):
    number = world.subscribe(USER)
    page = f"{ORDERS}/{number}"
    member = begin(world, "cancel and undo")
    member.search(email(USER), number)
    member.operate("cancel", to=f"{page}/cancel", why="moved to another city")
    # The preview has changed nothing.
    assert "Nothing was done yet" in member.text() and "moved to another city" in member.text()
    assert world.account(number)["cancel_requested_at"] is None
    member.press(member.page.get_by_role("button", name="Do it"), page)
    assert member.said() == "The cancellation is recorded."
    assert world.account(number)["cancel_requested_at"]
    assert "cancel" not in member.operations()
    member.operate("undo-cancel", why="stays after all")
    assert member.said() == "The cancellation is withdrawn."
    assert world.account(number)["cancel_requested_at"] is None
    assert history(world, number, "cancel-requested") == [("staff:support", "moved to another city")]
    assert history(world, number, "cancel-undone") == [("staff:support", "stays after all")]
    assert world.at_ecpay(number)["state"] == "running"
