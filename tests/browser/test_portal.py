"""Customer page: a customer repairs the subscription from the mail about it, without a login."""

import re

import pytest

from cashier import pay, to_cashier

PORTAL = "/portal/"
# No script, and no form that leads elsewhere.
POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
USER = "canary-customer"
OTHER = "canary-neighbour"
TAGS = {"zh-TW": "zh-Hant", "en": "en"}
# RtnCodes of ECPay: no credit, and a card that expired.
NO_CREDIT, EXPIRED_CARD = "10100252", "10100251"
MONTH = 31.5
HOSTILE = [
    "fr", "EN", "zh", "zh-tw", "", "*", "en%00", "%E2%80%AE", "../../etc/passwd", "<script>alert(1)</script>",
    '"><h2>x</h2>', "en&lang=zh-TW&lang=", "{{7*7}}", "a" * 4000,
]


def link(world, user=USER, **body):
    """Address of the customer page, as the business's app gets it."""
    return world.call("POST", f"/api/users/{user}/portal-link", body)["url"]


def link_in(mail):
    """Address behind the button of a mail, which is the same in both parts."""
    [text] = re.findall(r"http://\S+/portal/\w+", mail["body"])
    assert text.replace("/", "&#x2f;") in mail["html"] or text in mail["html"]
    return text


def past_due(world, code=NO_CREDIT, user=USER, **terms):
    """A subscription whose second charge failed."""
    number = world.subscribe(user, code, **terms)
    world.travel(MONTH)
    assert world.account(number)["status"] == "past_due"
    return number


def button(visitor, name):
    return visitor.page.locator(f'form[action*="/{name}"] button')


def forms(visitor):
    """Names of the buttons that the page has."""
    actions = visitor.page.locator("form").evaluate_all("(forms) => forms.map((form) => form.action)")
    return [re.search(r"/([a-z-]+)(\?[^/]*)?$", action).group(1) for action in actions]


def rules(world, number):
    return [entry["rule"] for entry in world.account(number)["history"]]


def retries(world):
    """Number of requests to ECPay to charge a card again."""
    return world.call("GET", "/sandbox/calls").get("ecpay", {}).get("ReAuth", 0)


def plans(visitor):
    return visitor.page.locator("section h2").all_inner_texts()


def results(visitor):
    """Rows of the payments, as a person reads them."""
    return [row.split("\t") for row in visitor.page.locator("tbody tr").all_inner_texts()]


def cancel(visitor):
    """Opens the part with the button by Tab and Enter, and presses it."""
    visitor.focus(visitor.page.locator("details summary"))
    visitor.page.keyboard.press("Enter")
    visitor.check()
    visitor.press(button(visitor, "cancel"), PORTAL)


@pytest.mark.parametrize("locale", TAGS)
def test_a_customer_whose_card_expired_pays_with_another_from_the_mail(world, visit, axe, locale):
    old = past_due(world, EXPIRED_CARD, locale=locale)
    [first_receipt, failure] = world.mails(USER)
    assert failure["subject"] == "付款失敗通知 - Payment Failure Notice"
    assert "月松 Moonpine" in failure["body"] and "月松 Moonpine" in failure["html"]
    visitor = visit(USER, canaries=[old])
    visitor.open(link_in(failure))
    assert visitor.answer.headers["content-security-policy"] == POLICY
    assert visitor.page.locator("html").get_attribute("lang") == TAGS[locale]
    assert plans(visitor) == ["PRO"]
    # An expired card is not charged again.
    assert "pay" in forms(visitor) and "retry" not in forms(visitor)
    assert [row[:2] for row in results(visitor)] == [["2025-02-05", "NT$899"], ["2025-01-05", "NT$899"]]
    visitor.check_accessibility(axe)
    visitor.press(button(visitor, "pay"), "/checkout/")
    to_cashier(visitor)
    new = pay(visitor)
    visitor.canaries.append(new)

    assert world.account(new)["status"] == "active" and world.account(new)["plan_id"] == "PRO"
    assert world.account(old)["superseded_by"] == new
    visitor.open(link_in(failure))
    assert plans(visitor) == ["PRO"] and "retry" not in forms(visitor)
    assert [row[0] for row in results(visitor)] == ["2025-02-05", "2025-02-05", "2025-01-05"]
    visitor.check_accessibility(axe)
    world.travel(2)
    assert world.at_ecpay(old)["state"] == "cancelled"
    assert world.at_ecpay(new)["state"] == "running"
    [*earlier, receipt] = world.mails(USER)
    assert len(earlier) == 2 and receipt["subject"] == first_receipt["subject"] == "付款收據 - Payment Receipt"
    visitor.open(link_in(receipt))
    assert plans(visitor) == ["PRO"]


def test_the_same_card_is_charged_again_once_a_day(world, visit, axe):
    number = past_due(world)
    stale, visitor = visit(USER, canaries=[number]), visit(USER, canaries=[number])
    for each in (stale, visitor):
        each.open(link(world))
    visitor.press(button(visitor, "retry"), PORTAL)
    assert retries(world) == 1 and "retry" not in forms(visitor)
    visitor.check_accessibility(axe)
    stale.press(button(stale, "retry"), PORTAL)
    assert retries(world) == 1 and "retry" not in forms(stale)
    visitor.page.reload()
    visitor.check()
    assert retries(world) == 1


def test_a_double_click_on_charge_again_is_one_attempt(world, visit):
    number = past_due(world)
    visitor = visit(USER, canaries=[number])
    visitor.open(link(world))
    visitor.double_click(button(visitor, "retry"), PORTAL)
    assert retries(world) == 1
    assert rules(world, number).count("retry-requested") == 1
    world.travel(2)
    assert len(world.at_ecpay(number)["retries_asked"]) == 1
    assert world.account(number)["status"] == "active"
    visitor.open(link(world))
    assert [row[0] for row in results(visitor)][-2:] == ["2025-02-05", "2025-01-05"]


def test_a_double_click_on_another_card_is_one_order(world, visit):
    old = past_due(world)
    visitor = visit(USER, canaries=[old])
    visitor.open(link(world))
    visitor.double_click(button(visitor, "pay"), "/checkout/")
    assert len(world.orders()) == 2
    to_cashier(visitor)
    new = pay(visitor)
    world.travel(2)
    assert [number for number, status in world.orders().items() if status == "active"] == [new]
    assert world.at_ecpay(old)["state"] == "cancelled"


def test_a_double_click_on_cancel_and_on_undo_has_one_effect_each(world, visit):
    number = world.subscribe(USER)
    visitor = visit(USER, canaries=[number])
    visitor.open(link(world))
    visitor.page.locator("details summary").click()
    visitor.double_click(button(visitor, "cancel"), PORTAL)
    assert rules(world, number).count("cancel-requested") == 1
    visitor.double_click(button(visitor, "undo-cancel"), PORTAL)
    assert rules(world, number).count("cancel-undone") == 1
    assert world.account(number)["cancel_requested_at"] is None
    world.travel(5)
    assert world.at_ecpay(number)["state"] == "running" and world.account(number)["status"] == "active"


def test_a_customer_cancels_and_takes_it_back_by_keyboard(world, visit, axe):
    number = world.subscribe(USER)
    visitor = visit(USER, canaries=[number])
    visitor.open(link(world))
    visitor.check_accessibility(axe)
    assert not button(visitor, "cancel").is_visible()
    cancel(visitor)
    assert world.account(number)["cancel_requested_at"] is not None
    assert "undo-cancel" in forms(visitor) and "cancel" not in forms(visitor)
    visitor.check_accessibility(axe)
    visitor.press(button(visitor, "undo-cancel"), PORTAL)
    assert world.account(number)["cancel_requested_at"] is None
    cancel(visitor)
    world.travel(5)
    assert world.at_ecpay(number)["state"] == "cancelled"
    # The period that was paid remains.
    assert world.account(number)["plan_id"] == "PRO"
    [_, confirmed] = world.mails(USER)
    visitor.open(link_in(confirmed))
    assert "2025-02-05" in visitor.text() and "undo-cancel" not in forms(visitor)
    visitor.check_accessibility(axe)


def test_a_link_ends_and_a_guess_leads_nowhere(world, visit, axe):
    number = world.subscribe(USER)
    address, short = link(world), link(world, valid_days=1)
    visitor = visit(USER, canaries=[number])
    for guess in ("0" * 40, "a", address.rsplit("/", 1)[1].lower(), "%3Csvg%20onload%3Dalert(1)%3E"):
        visitor.open(f"{world.base}/portal/{guess}", status=404)
    visitor.open(address)
    visitor.page.locator("details summary").click()
    world.travel(1.1)
    other = visit(USER, canaries=[number])
    other.open(short, status=404)
    other.check_accessibility(axe)
    world.travel(30)
    visitor.press(button(visitor, "cancel"), PORTAL, status=404)
    assert world.account(number)["cancel_requested_at"] is None
    visitor.open(address, status=404)
    assert visitor.page.locator("form").count() == 0


def test_no_link_leads_to_the_orders_of_another_person(world, visit):
    world.subscribe(USER)
    theirs = world.subscribe(OTHER, plan="ENTERPRISE")
    visitor, neighbour = visit(USER, canaries=[OTHER, theirs]), visit(OTHER)
    neighbour.open(link(world, OTHER))
    [reference] = {form.split("/")[-2] for form in neighbour.page.locator("form").evaluate_all(
        "(forms) => forms.map((form) => form.action)")}
    address = link(world)
    visitor.open(address)
    assert plans(visitor) == ["PRO"]
    # The neighbour's button under the link of this person.
    visitor.page.locator('form[action*="/cancel"]').evaluate(
        "(form, [address, reference]) => { form.action = `${address}/${reference}/cancel` }", [address, reference])
    visitor.page.locator("details summary").click()
    visitor.press(button(visitor, "cancel"), PORTAL)
    assert plans(visitor) == ["PRO"]
    assert world.account(theirs)["cancel_requested_at"] is None


def test_a_page_from_before_a_purchase_starts_no_second_one(world, visit):
    old = past_due(world)
    address = link(world)
    stale, visitor = {name: visit(USER, canaries=[old]) for name in ("pay", "retry")}, visit(USER, canaries=[old])
    for each in (*stale.values(), visitor):
        each.open(address)
    visitor.press(button(visitor, "pay"), "/checkout/")
    to_cashier(visitor)
    new = pay(visitor)
    before = world.orders()
    for name, late in stale.items():
        late.press(button(late, name), PORTAL)
        assert plans(late) == ["PRO"] and "retry" not in forms(late)
        assert "訂閱狀態已變更" in late.text()
    assert world.orders() == before and retries(world) == 0
    world.travel(2)
    assert [number for number, status in world.orders().items() if status == "active"] == [new]


def test_after_an_erasure_no_link_leads_to_the_customer(world, visit):
    number = world.subscribe(USER)
    address = link(world)
    world.call("POST", f"/api/subscriptions/{number}/cancel", {"why": "asked for by mail"})
    world.travel(MONTH - 3)
    visitor = visit(USER, canaries=[number])
    visitor.open(address)
    world.travel(3)
    world.call("DELETE", f"/api/users/{USER}", {"why": "asked for by mail"})
    visitor.open(link_in(world.mails(USER)[-1]), status=404)


def test_the_language_is_switched_by_a_link_and_stays_with_the_buttons(world, visit, axe):
    world.subscribe(USER, locale="zh-TW")
    visitor = visit(USER, locale="en-US")
    visitor.open(link(world))
    html = visitor.page.locator("html")
    # The order's language, whatever that of the browser.
    assert html.get_attribute("lang") == "zh-Hant"
    visitor.press(visitor.page.locator('a[href*="lang=en"]'), PORTAL)
    assert html.get_attribute("lang") == "en"
    # Nothing is left in Chinese but the business's name and the link to the other language.
    assert set(re.findall("[\u4e00-\u9fff]+", visitor.text())) == {"月松", "中文"}
    visitor.check_accessibility(axe)
    cancel(visitor)
    assert html.get_attribute("lang") == "en"
    visitor.press(visitor.page.locator('a[href*="lang=zh-TW"]'), PORTAL)
    assert html.get_attribute("lang") == "zh-Hant"


def test_hostile_languages_change_nothing(world, visit):
    world.subscribe(USER, locale="en")
    address = link(world)
    visitor = visit(USER)
    for value in HOSTILE:
        visitor.context.set_extra_http_headers({"accept-language": value.encode("ascii", "ignore").decode()})
        for parameter in ("lang", "said"):
            visitor.open(f"{address}?{parameter}={value}")
            assert visitor.page.locator("html").get_attribute("lang") in TAGS.values()
            assert plans(visitor) == ["PRO"] and visitor.page.locator("script").count() == 0
            assert len(visitor.text()) < 1500


def test_the_page_leads_back_to_the_business_only(world, visit):
    world.subscribe(USER)
    visitor = visit(USER)
    visitor.open(link(world, return_url=f"{world.base}/shop/account?tab=1&x=%22%3E"))
    visitor.press(visitor.page.locator('a[href*="/shop/"]'), "/shop/account")
    for elsewhere in ("https://shop.example/", "javascript:alert(1)", "//shop.example/", f"{world.base}@shop.example/"):
        with pytest.raises(AssertionError, match="return_url"):
            link(world, return_url=elsewhere)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_the_page_is_readable_in_both_schemes_and_at_any_width(world, visit, axe, scheme, width):
    number = past_due(world, plan="ENTERPRISE", cycle="monthly")
    visitor = visit(USER, canaries=[number], color_scheme=scheme, viewport={"width": width, "height": 600})
    visitor.open(link(world))
    visitor.page.locator("details summary").click()
    visitor.check()
    visitor.check_accessibility(axe)


def test_the_page_works_without_scripts(world, visit):
    number = past_due(world)
    visitor = visit(USER, canaries=[number], java_script_enabled=False)
    visitor.open(link(world))
    visitor.press(button(visitor, "pay"), "/checkout/")
    visitor.open(link(world))
    visitor.press(button(visitor, "retry"), PORTAL)
    assert retries(world) == 1
    # While its result is open, no other card is charged as well.
    assert forms(visitor) == ["cancel"]


@pytest.mark.parametrize("locale", TAGS)
def test_pictures_of_the_page(world, visit, images, locale):
    number = world.subscribe(USER, "1", NO_CREDIT, locale=locale)
    # The third charge was due on 5 March, and is tried again on the day after.
    world.travel(59.1)
    visitor = visit(USER, canaries=[number])
    visitor.open(link(world))
    assert [row[:2] for row in results(visitor)] == [[f"2025-0{month}-05", "NT$899"] for month in (3, 2, 1)]
    visitor.picture(images, f"portal-{locale}.png")
