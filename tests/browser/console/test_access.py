"""Who gets into the console, for how long, and from where a form may come."""

import base64
import hashlib
import hmac
import json
from urllib.parse import unquote, urlsplit

import pytest

from staff import LOGIN, ORDERS, TOKENS, request
from world import email

USER = "canary-guarded"
MINUTE = 1 / 24 / 60
# The sandbox's secrets.
EXPIRED_TOKEN = "sandbox-expired-token-invented"
JWT_KEY = "sandbox-jwt-key-invented-and-long-enough"
READ = ["/console/subscriptions", "/console/messages"]
# Headers by which a browser says that another site has made the request, or does not say where it comes from.
FOREIGN = [
    {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"sec-fetch-site": "none"},
    {"origin": "null"}, {"origin": "http://shop.example"}, {},
]


def json_web_token(now):
    """Token of an app that is valid for the API."""
    part = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    claims = {"sub": "app", "aud": "duekeeper", "exp": now + 3600, "scope": "customers"}
    signed = ".".join(part(json.dumps(value).encode()) for value in ({"alg": "HS256", "typ": "JWT"}, claims))
    return signed + "." + part(hmac.new(JWT_KEY.encode(), signed.encode(), hashlib.sha256).digest())


def own(world, cookie=None):
    """Headers of a request that a page of the console makes."""
    return {"sec-fetch-site": "same-origin", "origin": world.base, **({"cookie": cookie} if cookie else {})}


def is_open(world, cookie):
    """True if the session of a cookie is in force."""
    status, headers, _ = request(world, "GET", "/console/subscriptions", headers={"cookie": cookie})
    assert status in (200, 303)
    assert status == 200 or headers["location"] == f"{LOGIN}?next=%2Fconsole%2Fsubscriptions"
    return status == 200


def test_the_sign_in_says_why_it_refuses(world, staff, axe):
    member = staff(world, role=None)
    member.see(LOGIN)
    member.check_accessibility(axe)
    # 10:00 in Taipei.
    app = json_web_token(1736042400)
    assert request(world, "GET", "/api/whoami", headers={"authorization": f"Bearer {app}"})[0] == 200
    for token, words in [
        ("sandbox-token-that-never-was", "This token is not known here."),
        (EXPIRED_TOKEN, "This token has expired. Ask your operator for a new one."),
        (app, "A JSON Web Token belongs to an app. Sign in with an admin token."),
    ]:
        member.enter_token(token, LOGIN, status=401)
        assert member.page.get_by_role("alert").inner_text() == words
        assert member.context.cookies() == [] and token not in member.page.content()
    member.check_accessibility(axe)
    member.enter_token(f" {TOKENS['support']} ")
    assert "Signed in as support" in member.text()


def test_ten_wrong_tokens_close_the_sign_in_for_five_minutes(world, staff):
    for number in range(10):
        status, _, text = request(world, "POST", LOGIN, {"token": f"guess-{number}"}, own(world))
        assert status == 401 and "not known" in text
    member = staff(world, role=None)
    member.see(LOGIN)
    for minutes in (0, 4.8):
        world.travel(minutes * MINUTE)
        member.enter_token(TOKENS["support"], LOGIN, status=429)
        assert member.page.get_by_role("alert").inner_text() == "Too many attempts. Try again in five minutes."
    world.travel(0.3 * MINUTE)
    member.enter_token(TOKENS["support"])


def test_the_page_that_was_asked_for_is_shown_after_the_sign_in(world, staff):
    number = world.subscribe(USER)
    member = staff(world, role=None)
    for page in (f"{ORDERS}?plan=PRO&status=active", f"{ORDERS}/{number}", f"/console/search?q={email(USER)}"):
        member.see(page)
        assert urlsplit(member.page.url).path == LOGIN
        # Also after a mistake, and in another language.
        member.enter_token("mistyped", LOGIN, status=401)
        member.enter_token(TOKENS["support"], urlsplit(page).path)
        assert number in member.text() and unquote(member.page.url) == world.base + page
        member.press(member.page.get_by_role("button", name="Sign out"), LOGIN)
    for elsewhere in ("https://shop.example/", "//shop.example/", "/sandbox", "/console\\@shop.example"):
        member.see(f"{LOGIN}?next={elsewhere}")
        member.enter_token(TOKENS["support"])
        assert member.page.url == f"{world.base}/console"


def test_the_cookie_is_for_this_site_and_no_script(world, staff):
    status, headers, _ = request(world, "POST", LOGIN, {"token": TOKENS["support"]}, own(world))
    name, _, rest = headers["set-cookie"].partition("=")
    # Over plain HTTP, as the sandbox is, browsers take neither the prefix nor Secure.
    assert (status, name, rest[52:]) == (303, "duekeeper", "; Path=/; HttpOnly; SameSite=Strict")
    member = staff(world)
    assert member.page.evaluate("() => document.cookie") == ""
    assert "max-age=" in member.answer.headers["strict-transport-security"]


def test_a_session_ends_after_half_an_hour_without_a_page(world, staff):
    member = staff(world)
    member.see(ORDERS)
    world.travel(29 * MINUTE)
    member.see(ORDERS)
    world.travel(29 * MINUTE)
    member.see(ORDERS)
    assert urlsplit(member.page.url).path == ORDERS
    world.travel(31 * MINUTE)
    member.see(ORDERS)
    assert urlsplit(member.page.url).path == LOGIN and member.menu() == []


def test_a_session_ends_after_eight_hours_however_busy(world, staff):
    cookie = staff(world).cookie()
    for _ in range(16):
        world.travel(29.5 * MINUTE)
        assert is_open(world, cookie)
    world.travel(9 * MINUTE)
    assert not is_open(world, cookie)


def test_a_stolen_cookie_is_worthless_after_the_sign_out(world, staff):
    member = staff(world)
    cookie = member.cookie()
    thief = staff(world, role=None)
    thief.context.add_cookies(member.context.cookies())
    thief.see(ORDERS)
    assert urlsplit(thief.page.url).path == ORDERS
    member.press(member.page.get_by_role("button", name="Sign out"), LOGIN)
    assert "duekeeper" not in [cookie["name"] for cookie in member.context.cookies()]
    assert not is_open(world, cookie)
    thief.see(ORDERS)
    assert urlsplit(thief.page.url).path == LOGIN
    # The browser has kept no page of the session.
    member.back()
    assert urlsplit(member.page.url).path == LOGIN


def test_a_read_only_visitor_sees_no_operation_and_is_refused(world, staff):
    number = world.subscribe(USER)
    [receipt] = world.account(number)["notices"]
    member = staff(world, "read-only")
    for page in (f"{ORDERS}/{number}", f"/console/users/{USER}", "/console/messages"):
        member.see(page)
        forms = member.page.locator("form").evaluate_all("(forms) => forms.map((form) => form.getAttribute('action'))")
        assert set(forms) <= {"/console/search", "/console/logout", "/console/messages"}, page
        assert member.page.locator('a[href*="/export"]').count() == 0
    before, headers = world.account(number), own(world, member.cookie())
    fields = {"why": "canary", "days": "3", "confirmed": "yes", "email": email("other"), "note": "canary"}
    names = ["retry", "extend-grace", "pause", "resume", "cancel", "undo-cancel", "mark-paid", "terms", "refund"]
    names += ["email", "note"]
    paths = [f"{ORDERS}/{number}/{name}" for name in names]
    paths += [f"/console/users/{USER}/erase", f"/console/users/{USER}/portal-link"]
    for path in [*paths, f"/console/messages/{receipt['id']}/resend"]:
        status, _, text = request(world, "POST", path, fields, headers)
        assert status == 403 and "Your token may not do this." in text, path
    status, _, _ = request(world, "GET", f"/console/users/{USER}/export", headers=headers)
    assert status == 403
    assert world.account(number) == before


@pytest.mark.parametrize("role, menu", [
    ("workshop", ["/console/vehicles", "/console/customers", "/console/import", "/console/schedule"]),
    ("sales", ["/console/institutions"]),
])
def test_members_of_other_teams_see_their_pages_alone(world, staff, role, menu):
    number = world.subscribe(USER)
    member = staff(world, role)
    assert member.menu() == menu
    # The workshop searches for its own customers.
    assert member.page.get_by_role("searchbox").count() == (role == "workshop")
    for page in [*READ, f"{ORDERS}/{number}", f"/console/users/{USER}"]:
        member.see(page, status=403)
        assert "Not allowed" in member.text() and USER not in member.page.content()
        assert member.menu() == menu
    if role == "workshop":
        member.type(member.page.locator("#q"), email(USER))
        member.enter("/console/search")
        assert "Nothing was found" in member.text() and number not in member.page.content()


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_form_of_another_site_does_nothing(world, staff, headers):
    number = world.subscribe(USER)
    cookie = staff(world).cookie()
    before = world.account(number)
    sent = {**headers, "cookie": cookie}
    for path, form in [
        (f"{ORDERS}/{number}/cancel", {"why": "canary", "confirmed": "yes"}),
        (f"/console/users/{USER}/erase", {"why": "canary", "confirmed": "yes"}),
        ("/console/logout", {}),
    ]:
        status, answer, text = request(world, "POST", path, form, sent)
        assert status == 403 and "nothing was done" in text, path
        assert answer["set-cookie"] is None and answer["location"] is None
    status, answer, _ = request(world, "POST", LOGIN, {"token": TOKENS["support"]}, headers)
    assert status == 403 and answer["set-cookie"] is None
    assert world.account(number) == before and is_open(world, cookie)


def test_the_api_takes_no_cookie_and_the_console_no_bearer(world, staff):
    cookie = staff(world).cookie()
    status, _, _ = request(world, "GET", "/api/whoami", headers={"cookie": cookie})
    assert status == 401
    status, _, _ = request(world, "GET", "/api/whoami", headers={"authorization": f"Bearer {cookie.partition('=')[2]}"})
    assert status == 401
    bearer = {"authorization": f"Bearer {TOKENS['support']}", "sec-fetch-site": "same-origin"}
    status, answer, _ = request(world, "GET", ORDERS, headers=bearer)
    assert status == 303 and answer["location"].startswith(LOGIN)
    number = world.subscribe(USER)
    status, answer, _ = request(world, "POST", f"{ORDERS}/{number}/note", {"note": "canary"}, bearer)
    assert status == 303 and answer["location"].startswith(LOGIN)
    assert "note-added" not in [entry["rule"] for entry in world.account(number)["history"]]
