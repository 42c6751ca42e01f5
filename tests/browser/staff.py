"""Members of staff at the console, who go by keyboard, and what they read there."""

import re
import time
import urllib.error
import urllib.parse
import urllib.request
from urllib.parse import urlsplit

from visitor import Visitor

LOGIN = "/console/login"
ORDERS = "/console/subscriptions"
# The customer whose page is the first picture of the README.
CUSTOMER = "meilin-studio"
# Tokens of the sandbox, as its secret has them.
TOKENS = {"support": "sandbox-operator-token-invented", "read-only": "sandbox-reader-token-invented",
          "owner": "sandbox-owner-token-invented"}
# RtnCode of ECPay: insufficient limit or balance.
NO_CREDIT = "10100252"
ADDRESS = "div:has(> dt:text-is('Mail address')) dd"


class Staff(Visitor):
    """Member of staff with a browser. Counts what has to be clicked, and the keys that are pressed instead."""

    def __init__(self, context, world, canaries, sources):
        super().__init__(context, world, canaries, sources)
        self.clicks = 0
        # Time at which the latest page was shown.
        self.shown_at = time.monotonic()
        # Addresses that were asked for, and those to which answers led.
        self.addresses = []
        context.on("response", self._note)

    def _note(self, response):
        self.addresses += [response.url, response.headers.get("location", "")]

    def sign_in(self, role):
        """Signs in by the sandbox's link, in one click."""
        self.open(f"{self.base}/sandbox/sign-in/{role}")
        # Who may not read subscriptions is led on to the first page of their own.
        assert urlsplit(self.page.url).path.startswith("/console")

    def see(self, path, status=200):
        self.open(self.base + path, status)

    def leave(self, act, to, status=200):
        super().leave(act, to, status)
        self.shown_at = time.monotonic()

    def press(self, locator, to, key="Enter", status=200):
        self.clicks += 1
        super().press(locator, to, key, status)

    def type(self, locator, text):
        """Goes to a field by Tab and types into it."""
        self.clicks += 1
        self.focus(locator)
        self.page.keyboard.type(text)

    def enter(self, to, status=200):
        """Sends the form of the field that has the focus."""
        self.clicks += 1
        self.keys += 1
        self.leave(lambda: self.page.keyboard.press("Enter"), to, status)

    def unfold(self, summary):
        """Opens a folded part of the page."""
        self.clicks += 1
        self.keys += 1
        self.focus(summary)
        self.page.keyboard.press("Enter")
        self.check()

    def enter_token(self, token, to="/console", status=200):
        """Types a token into the sign-in's form, and sends it."""
        self.type(self.page.locator("#token"), token)
        self.enter(to, status)

    def search(self, text, found):
        """Searches, and opens the page of the order that is found."""
        self.type(self.page.locator("#q"), text)
        self.enter("/console/search")
        self.press(self.page.get_by_role("link", name=found, exact=True), f"{ORDERS}/{found}")

    def operate(self, name, to=None, **fields):
        """Opens the form of an operation, fills it in and sends it."""
        part = self.page.locator(f'details:has(form[action$="/{name}"])')
        self.unfold(part.locator("summary"))
        for field, value in fields.items():
            self.type(part.locator(f'[name="{field}"]'), value)
        self.press(part.get_by_role("button"), to or urlsplit(self.page.url).path)

    def said(self):
        return self.page.get_by_role("status").inner_text()

    def operations(self):
        """Names of the operations that the page of a subscription offers."""
        actions = self.page.locator(".operations form").evaluate_all("(forms) => forms.map((form) => form.action)")
        return [action.rsplit("/", 1)[1] for action in actions]

    def timeline(self):
        """Entries of the timeline, each as the lines that a person reads."""
        return [re.split(r"\n+", entry) for entry in self.page.locator(".timeline > li").all_inner_texts()]

    def menu(self):
        """Paths of the menu's entries."""
        links = self.page.locator("nav a")
        return links.evaluate_all("(links) => links.map((link) => new URL(link.href).pathname)")

    def cookie(self):
        """Cookie of the session, as a header has it."""
        [cookie] = [one for one in self.context.cookies() if one["name"] == "duekeeper"]
        return f"duekeeper={cookie['value']}"


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Leaves an answer that leads elsewhere as it is."""

    def redirect_request(self, *_):
        return None


def request(world, method, path, form=None, headers=None):
    """Sends a request that no browser makes; its status, headers and text."""
    data = None if form is None else urllib.parse.urlencode(form).encode()
    made = urllib.request.Request(world.base + path, data=data, method=method, headers=headers or {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect)
    try:
        with opener.open(made) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def past_due(world, user, later=(), code=NO_CREDIT):
    """A subscription whose second charge was declined just now. Retries end with the later RtnCodes."""
    number = world.subscribe(user, *later)
    world.call("POST", f"/sandbox/ecpay/orders/{number}/charge", {"rtn_code": code})
    assert world.account(number)["status"] == "past_due"
    return number


# Pages of the workshop, by name.
WORKSHOP = {
    "vehicles due": "/console/vehicles",
    "customers": "/console/customers?q=sari",
    "customer": "/console/customers/sample-2",
    "import": "/console/import",
    "schedule": "/console/schedule",
}


# Pages of those on call, of sales and of the owner, by name.
OVERVIEWS = {
    "quarantine": "/console/quarantine?state=all",
    "runs": "/console/runs",
    "institutions": "/console/institutions",
    "figures": "/console/figures",
}


def pages(story):
    """Pages of the console that show something of the story, by name."""
    of_order = {"messages of an order": f"/console/messages?subscription={story.orders['bounced']}"}
    return {**readable(story), **of_order, **WORKSHOP, **OVERVIEWS}


def readable(story):
    """Those of them that a read-only visitor may see."""
    orders = story.orders
    return {
        "sign-in": LOGIN,
        "today": "/console",
        "found": f"/console/search?q={orders['free']}",
        "found nothing": "/console/search?q=nowhere",
        "subscriptions": ORDERS,
        "filtered": f"{ORDERS}?plan=PRO&status=active",
        "order on FREE": f"{ORDERS}/{orders['free']}",
        "order past due": f"{ORDERS}/{orders['past_due']}",
        "order with a quarantined report": f"{ORDERS}/{orders['active']}",
        "order that is cancelled": f"{ORDERS}/{orders['cancelling']}",
        "order that is not paid": f"{ORDERS}/{orders['pending']}",
        "user": f"/console/users/{CUSTOMER}",
        "messages": "/console/messages",
    }
