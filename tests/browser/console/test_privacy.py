"""Personal data stands in the console only where it belongs: not in addresses, titles, logs, nor before a read-only visitor."""

from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from staff import LOGIN, ORDERS, TOKENS, WORKSHOP, readable
from story import bounced
from world import World, email

USER = "canary-private"
LEAVING = "canary-leaving"
DOMAIN = "customer.example"
NEW = "canary-secret@other.example"


@pytest.fixture
def logged(pytestconfig):
    """A world that logs all that the functions have to say."""
    world = World(pytestconfig.getoption("--sandbox"), log_level="info,dynoxide=error")
    yield world
    world.end()


def test_a_read_only_visitor_sees_neither_an_address_nor_the_text_of_a_mail(story, staff):
    mails = story.world.call("GET", "/sandbox/messages")["messages"]
    bodies = [mail["body"] for mail in mails if isinstance(mail["body"], str)]
    lines = {line.strip() for body in bodies for line in body.splitlines() if len(line.strip()) > 15}
    assert len(lines) > 20
    phones = ["5550", "8555550", "8125550"]
    member = staff(story.world, "read-only", canaries=["@" + DOMAIN, *lines, *phones])
    for name, page in readable(story).items():
        member.see(page)
    for page in WORKSHOP.values():
        member.see(page, status=403)
    member.see(f"/console/messages?subscription={story.orders['bounced']}", status=403)
    for kind in ("receipt", "first-payment-failure"):
        member.see(f"/console/previews/{kind}?subscription_id={story.number}&format=html", status=403)
    # A search for an address or phone says whom it belongs to, but shows no more than was typed.
    member.canaries = lines
    member.see(f"/console/search?q={email('meilin-studio')}")
    assert story.number in member.text()
    member.see("/console/search?q=0812-5550-1022")
    assert "Sari" not in member.text()


def test_addresses_and_titles_carry_no_personal_data(logged, staff):
    left = logged.order(LEAVING)["subscription_id"]
    # Without a payment the order is void.
    logged.travel(3)
    assert logged.account(left)["status"] == "failed"
    number = bounced(logged, USER)
    member = staff(logged, role=None)
    titles = set()
    member.page.on("domcontentloaded", lambda page: titles.add(page.title()))
    work(member, number)
    member.see(f"{ORDERS}/{left}")
    assert not [one for one in (LEAVING, DOMAIN) if one in member.page.content()]
    logged.end()
    # The id of a user is in the address of the user's page.
    private = [email(USER), DOMAIN, NEW, "other.example", "0812-5550"]
    for address in member.addresses:
        parts = urlsplit(address)
        query = dict(parse_qsl(parts.query))
        # What is searched for is in the address of the search, and in that of the sign-in that leads to it.
        if parts.path == "/console/search":
            query.pop("q")
        text = unquote(f"{parts.path} {query}")
        assert not [one for one in private if one in text], address
    assert len(titles) > 4 and not [title for title in titles for one in private if one in title]
    log = "".join(logged.log)
    assert "signed in to the console" in log
    found = [one for one in [*private, USER, LEAVING, TOKENS["support"], member.session] if one in log]
    assert not found, [line for line in logged.log for one in found if one in line][:3]


def work(member, number):
    """A day's work: a search, a new address, a mail sent again, a link to the customer page, a note, an erasure."""
    member.see("/console")
    member.enter_token("mistyped", LOGIN, status=401)
    member.enter_token(TOKENS["support"])
    member.session = member.cookie().partition("=")[2]
    member.search(email(USER), number)
    member.operate("email", email=NEW, why="called")
    member.press(member.page.get_by_role("link", name="Mails of this order"), "/console/messages")
    [resend] = member.page.locator('details:has(form[action$="/resend"])').all()
    member.unfold(resend.locator("summary"))
    member.type(resend.locator('[name="why"]'), "to the new address")
    member.press(resend.get_by_role("button"), "/console/messages")
    member.search(NEW, number)
    user = f"/console/users/{USER}"
    member.press(member.page.get_by_role("link", name=USER), user)
    member.operate("portal-link", to=f"{user}/portal-link")
    assert "/portal/" in member.page.locator("#url").input_value()
    member.see(f"/console/users/{LEAVING}")
    member.operate("erase", to=f"/console/users/{LEAVING}/erase", why="asked for by letter")
    member.press(member.page.get_by_role("button", name="Do it"), f"/console/users/{LEAVING}")
    assert member.said() == "The personal data is erased." and "asked for by letter" in member.text()
