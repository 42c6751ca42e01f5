"""Checkout page: from the order to ECPay's cashier and back."""

import pytest

from cashier import CASHIER, choose, continue_button, number_at, pay, to_cashier

CHECKOUT = "/checkout/"
USER = "canary-buyer"
PAID = "Your payment has been received"


def paid_orders(world):
    return [number for number, status in world.orders().items() if status == "active"]


def test_a_buyer_pays_by_keyboard_and_the_page_says_so(world, visit, axe):
    order = world.order(USER)
    visitor = visit(USER)
    visitor.open(order["checkout_url"])
    visitor.check_accessibility(axe)
    assert to_cashier(visitor) == order["subscription_id"]
    pay(visitor)
    assert world.account(order["subscription_id"])["status"] == "active"
    visitor.open(order["checkout_url"])
    assert PAID in visitor.text() and "已收到您的付款" in visitor.text()
    visitor.check_accessibility(axe)
    visitor.press(visitor.page.get_by_role("link", name="Back"), "/shop/billing")


def test_a_customer_sees_what_a_change_of_plan_costs_and_gives_back(world, visit, axe, images):
    number = world.subscribe(USER)
    body = {"plan_id": "ENTERPRISE", "billing_cycle": "monthly"}
    change = world.call("POST", f"/api/subscriptions/{number}/change", body)
    visitor = visit(USER, canaries=[number])
    visitor.open(change["checkout_url"])
    visitor.check_accessibility(axe)
    assert f"NT${change['credit_twd']}" in visitor.text() and f"NT${change['new_amount_twd']}" in visitor.text()
    visitor.picture(images, "checkout.png")


def test_space_presses_the_button_as_well(world, visit):
    visitor = visit(USER)
    visitor.open(world.order(USER)["checkout_url"])
    visitor.press(continue_button(visitor), CASHIER, key="Space")


def test_after_a_decline_the_buyer_pays_on_the_same_page(world, visit):
    order = world.order(USER)
    visitor = visit(USER)
    visitor.open(order["checkout_url"])
    declined = to_cashier(visitor)
    choose(visitor, "Declined: no credit")
    assert "額度不足" in visitor.text()
    visitor.open(order["checkout_url"])
    second = to_cashier(visitor)
    pay(visitor)
    assert world.orders() == {declined: "failed", second: "active"}
    visitor.open(order["checkout_url"])
    assert PAID in visitor.text()


def test_a_buyer_who_goes_back_from_ecpay_presses_again(world, visit):
    order = world.order(USER)
    visitor = visit(USER)
    visitor.open(order["checkout_url"])
    first = to_cashier(visitor)
    visitor.back()
    second = to_cashier(visitor)
    assert first != second
    pay(visitor)
    assert paid_orders(world) == [second]
    # Back at the cashier's result, and once more at the page.
    visitor.open(order["checkout_url"])
    assert PAID in visitor.text()


def test_a_double_click_leads_to_one_form_that_is_paid_once(world, visit):
    order = world.order(USER)
    visitor = visit(USER)
    visitor.open(order["checkout_url"])
    visitor.double_click(continue_button(visitor), CASHIER)
    number = number_at(visitor)
    pay(visitor)
    # Each request has a number of its own; that of the answer which the browser dropped never reaches ECPay.
    assert world.orders() == {order["subscription_id"]: "pending", number: "active"}
    visitor.open(order["checkout_url"])
    assert PAID in visitor.text()
    world.travel(3)
    assert world.orders() == {order["subscription_id"]: "failed", number: "active"}
    assert [mail["subject"] for mail in world.mails(USER)] == ["付款收據 - Payment Receipt"]


def test_a_button_pressed_after_the_purchase_was_paid_elsewhere_says_so(world, visit):
    order = world.order(USER)
    late, early = visit(USER), visit(USER)
    for visitor in (late, early):
        visitor.open(order["checkout_url"])
    number = to_cashier(early)
    pay(early)
    late.press(continue_button(late), CHECKOUT)
    assert PAID in late.text()
    assert world.orders() == {number: "active"}


def test_a_buyer_with_a_plan_bought_elsewhere_has_nothing_to_pay(world, visit, axe):
    order = world.order(USER)
    visitor = visit(USER)
    visitor.open(order["checkout_url"])
    to_cashier(visitor)
    choose(visitor, "Declined: no credit")
    world.subscribe(USER, cycle="annual")
    visitor.open(order["checkout_url"])
    visitor.press(continue_button(visitor), CHECKOUT, status=409)
    assert "You already have an active plan" in visitor.text()
    visitor.check_accessibility(axe)


def test_the_page_works_without_scripts(world, visit):
    order = world.order(USER)
    visitor = visit(USER, java_script_enabled=False)
    visitor.open(order["checkout_url"])
    visitor.press(continue_button(visitor), CHECKOUT)
    assert number_at(visitor) == order["subscription_id"]
    visitor.press(visitor.page.get_by_role("button", name="Pay"), CASHIER)
    pay(visitor)
    visitor.open(order["checkout_url"])
    assert PAID in visitor.text()


@pytest.mark.parametrize("width", [320, 360, 1280])
@pytest.mark.parametrize("scheme, is_dark", [("light", False), ("dark", True)])
def test_the_page_is_readable_in_both_schemes_and_at_any_width(world, visit, axe, scheme, is_dark, width):
    order = world.order(USER, plan="ENTERPRISE", cycle="annual")
    visitor = visit(USER, color_scheme=scheme, viewport={"width": width, "height": 600})
    visitor.open(order["checkout_url"])
    red = visitor.page.evaluate("() => getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
    assert (int(red) < 64) == is_dark
    visitor.check_accessibility(axe)


def test_a_page_that_expired_or_never_was_leads_nowhere(world, visit, axe):
    order = world.order(USER)
    visitor = visit(USER)
    visitor.open(f"{world.base}/checkout/0123456789012345678901234567890123456789", status=404)
    visitor.check_accessibility(axe)
    visitor.open(order["checkout_url"])
    world.travel(61 / 24 / 60)
    visitor.press(continue_button(visitor), CHECKOUT, status=404)
    assert "This page has expired" in visitor.text()
    visitor.open(order["checkout_url"], status=404)
    assert visitor.page.locator("form").count() == 0
    assert world.orders() == {order["subscription_id"]: "pending"}
