"""Page of the sandbox: a developer plays an order's life by keyboard on a narrow phone."""

import pytest

SANDBOX = "/sandbox"
# Neither an order's user nor a recipient: the page shows those.
DEVELOPER = "canary-developer"
USER = "user-1"


def button(visitor, name):
    return visitor.page.get_by_role("button", name=name)


def open_page(world, visitor):
    visitor.open(world.base + SANDBOX)


def play(world, visitor):
    """Order, payment, and a declined charge a month later; the order's number."""
    open_page(world, visitor)
    visitor.press(button(visitor, "Make the order"), SANDBOX)
    visitor.press(button(visitor, "Pay"), SANDBOX)
    visitor.press(button(visitor, "Next charge fails"), SANDBOX)
    visitor.press(button(visitor, "A month"), SANDBOX, key="Space")
    [(number, status)] = world.orders().items()
    assert status == "past_due"
    return number


def test_a_developer_plays_an_orders_life_by_keyboard(world, visit, axe):
    visitor = visit(DEVELOPER)
    open_page(world, visitor)
    visitor.check_accessibility(axe)
    number = play(world, visitor)
    visitor.check_accessibility(axe)
    assert f"ecpay: charge 2 of {number} failed (10100251)" in visitor.text()
    assert "In Duekeeper past_due" in visitor.text()
    [receipt, failure] = world.mails(USER)
    for mail in (receipt, failure):
        assert mail["subject"] in visitor.text()
    visitor.focus(visitor.page.locator("summary", has_text=failure["subject"]))
    link = visitor.page.locator("details", has_text=failure["subject"]).get_by_role("link").first
    assert not link.is_visible()
    visitor.page.keyboard.press("Enter")
    assert link.is_visible()
    visitor.check_fit()
    visitor.check_accessibility(axe)
    visitor.press(link, "/portal/")
    assert "Pay" in visitor.text() or "付款" in visitor.text()


def test_an_order_has_a_page_with_all_that_ecpay_can_do(world, visit, axe):
    visitor = visit(DEVELOPER)
    number = play(world, visitor)
    visitor.press(visitor.page.get_by_role("link", name=number, exact=True), f"{SANDBOX}/orders/")
    visitor.check_accessibility(axe)
    assert "expired card (10100251)" in visitor.text()
    visitor.focus(visitor.page.get_by_label("Amount in TWD"))
    visitor.page.keyboard.type("999")
    visitor.press(button(visitor, "Edit"), f"{SANDBOX}/orders/")
    assert world.at_ecpay(number)["amount"] == 999 and "NT$999 a month" in visitor.text()
    visitor.press(button(visitor, "Pause"), f"{SANDBOX}/orders/")
    assert world.at_ecpay(number)["state"] == "paused"
    visitor.press(button(visitor, "Edit"), f"{SANDBOX}/orders/")
    assert "Fill in what the console is to change." in visitor.text()
    visitor.check_accessibility(axe)


def test_faults_and_sample_data_need_no_command_line(world, visit, axe):
    visitor = visit(DEVELOPER)
    open_page(world, visitor)
    visitor.press(button(visitor, "Customers with vehicles"), SANDBOX)
    visitor.press(button(visitor, "Institutions of MMS"), SANDBOX)
    assert "INV-1002" in visitor.text()
    visitor.focus(visitor.page.get_by_label("slack"))
    visitor.page.keyboard.type("archived")
    visitor.press(button(visitor, "Set the faults"), SANDBOX)
    assert world.call("GET", "/sandbox/faults") == {"slack": "archived"}
    visitor.check_accessibility(axe)
    visitor.press(button(visitor, "End all faults"), SANDBOX)
    assert world.call("GET", "/sandbox/faults") == {}


def test_the_page_works_without_scripts(world, visit):
    play(world, visit(DEVELOPER, java_script_enabled=False))


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme, is_dark", [("light", False), ("dark", True)])
def test_the_page_is_readable_in_both_schemes_and_at_any_width(world, visit, axe, scheme, is_dark, width):
    visitor = visit(DEVELOPER, color_scheme=scheme, viewport={"width": width, "height": 600})
    number = play(world, visitor)
    red = visitor.page.evaluate("() => getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
    assert (int(red) < 64) == is_dark
    visitor.check_accessibility(axe)
    visitor.open(f"{world.base}{SANDBOX}/orders/{number}")
    visitor.check_accessibility(axe)
