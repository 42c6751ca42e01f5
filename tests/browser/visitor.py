"""A person with a browser, who goes by keyboard. Every page on the way is checked."""

import pathlib
from urllib.parse import unquote, urlsplit

# Pages of the product and of the sandbox. The others are ECPay's and the business's, which the sandbox stands in for.
PAGES = ("/checkout/", "/portal/", "/sandbox", "/console")
# Mails as they would be sent, and files: what is shown there is no page of the console's own.
NO_PAGES = ("/console/previews/",)
HEADERS = {
    "content-security-policy": ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action"),
    "cache-control": ("no-store",),
    "referrer-policy": ("no-referrer",),
    "x-content-type-options": ("nosniff",),
}
# Most presses of Tab until an element is reached.
LONGEST_WAY = 60

# The browser itself reports a violation on the console too, but not one in a page that it is leaving.
REPORT_VIOLATIONS = """
document.addEventListener('securitypolicyviolation', (event) =>
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
"""
FOCUS = """() => {
  const element = document.activeElement, style = getComputedStyle(element), box = element.getBoundingClientRect();
  return {
    html: element.outerHTML.slice(0, 120),
    none: element === document.body,
    outlined: style.outlineStyle === 'auto' || (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2),
    // Scrolling stops at whole pixels.
    inside: box.height > 0 && box.top > -1 && box.bottom < innerHeight + 1 && box.left >= 0 && box.right <= innerWidth,
  };
}"""
TOO_WIDE = """() => {
  const root = document.documentElement;
  if (root.scrollWidth <= root.clientWidth) return [];
  const beyond = (element) => element.getBoundingClientRect().right > root.clientWidth;
  return [`page ${root.scrollWidth} in ${root.clientWidth}`,
    ...[...document.querySelectorAll('body *')].filter(beyond).map((element) => element.outerHTML.slice(0, 120))];
}"""
ACCESSIBILITY = """({ without, only }) => {
  const rules = Object.fromEntries(without.map((rule) => [rule, { enabled: false }]));
  const options = only.length > 0 ? { runOnly: only } : { rules };
  return axe.run(document, options).then(({ violations }) => violations.flatMap((rule) =>
    rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 120)} ${node.failureSummary}`)));
}"""


class Visitor:
    """One browser context, which knows nothing of others."""

    def __init__(self, context, world, canaries, sources):
        self.base = world.base
        self.canaries = canaries
        # HTML of the pages that were shown, of all visitors.
        self.sources = sources
        self.problems = []
        # Statuses that the test wants; all others from 400 on are problems.
        self.wanted = set()
        # Response with the latest document.
        self.answer = None
        # Keys that were pressed, but for those of a text.
        self.keys = 0
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.problems.append(f"script: {error.error}"))
        context.on("request", self._request)
        context.on("requestfailed", self._failed)
        context.on("response", self._response)
        self.context = context
        self.page = context.new_page()

    def _console(self, message):
        is_wanted = any(f"responded with a status of {status} " in message.text for status in self.wanted)
        # The browser asks every site for an icon; the pages' policy forbids it, the simulators have none.
        is_icon = message.location.get("url", "").endswith("/favicon.ico")
        if message.type in ("error", "warning") and not is_wanted and not is_icon:
            self.problems.append(f"console: {message.type} {message.text} {message.location}")

    def _request(self, request):
        url = request.url
        if not url.startswith((self.base + "/", "data:", "about:")):
            self.problems.append(f"request to another host: {url}")
        # The address of a page is its credential.
        referrer = request.headers.get("referer", "")
        if any(page in referrer for page in PAGES):
            self.problems.append(f"referrer {referrer} is sent to {url}")

    def _failed(self, request):
        # A navigation that another one replaces is aborted.
        if request.failure != "net::ERR_ABORTED":
            self.problems.append(f"request failed: {request.url} {request.failure}")

    def _response(self, response):
        if response.status >= 400 and response.status not in self.wanted:
            self.problems.append(f"{response.status} {response.request.method} {response.url}")
        is_file = response.headers.get("content-disposition", "").startswith("attachment")
        if response.request.resource_type != "document" or is_file:
            return
        self.answer = response
        if is_page(response.url) and not 300 <= response.status < 400:
            for name, parts in HEADERS.items():
                sent = response.headers.get(name, "")
                self.problems += [f"{name} without {part}: {response.url} {sent}" for part in parts if part not in sent]

    def check(self):
        """Fails on any problem so far, and on one of the page that is shown."""
        if is_page(self.page.url):
            source = self.answer.text()
            shown = source + self.page.content()
            self.problems += [f"{canary} is in {self.page.url}" for canary in self.canaries if canary in shown]
            self.check_fit()
        assert not self.problems, "\n".join(self.problems)
        if is_page(self.page.url):
            self.sources.add(source)

    def check_fit(self):
        """Fails where the page is wider than the screen."""
        parts = self.page.evaluate(TOO_WIDE)
        assert not parts, "\n".join(parts)

    def open(self, url, status=200):
        self.wanted.add(status)
        self.page.goto(url)
        assert self.answer.status == status, (url, self.answer.status)
        self.check()

    def focus(self, locator):
        """Presses Tab until the element has the focus, which is visible on the way."""
        target = locator.element_handle()
        for _ in range(LONGEST_WAY):
            self.keys += 1
            self.page.keyboard.press("Tab")
            focus = self.page.evaluate(FOCUS)
            if is_page(self.page.url) and not focus["none"]:
                assert focus["outlined"] and focus["inside"], f"the focus is not visible: {focus}"
            if target.evaluate("(element) => element === document.activeElement"):
                return
        raise AssertionError(f"Tab does not reach {locator}")

    def press(self, locator, to, key="Enter", status=200):
        """Goes to a link or button by Tab and presses it, until a page below the path `to` is shown."""
        self.focus(locator)
        self.keys += 1
        self.leave(lambda: self.page.keyboard.press(key), to, status)

    def leave(self, act, to, status=200):
        """Does what leads to a page below the path `to`."""
        self.wanted.add(status)
        shown = lambda frame: unquote(urlsplit(frame.url).path).startswith(to)
        with self.page.expect_event("framenavigated", shown):
            act()
        self.page.wait_for_load_state()
        assert self.answer.status == status, (self.page.url, self.answer.status)
        self.check()

    def double_click(self, locator, to):
        """Clicks a button again before the answer: the server gets both requests, and the page shows the second answer."""
        held = []

        def hold(route):
            is_first = route.request.method == "POST" and not held
            held.append(route) if is_first else route.continue_()

        locator.scroll_into_view_if_needed()
        box = locator.bounding_box()
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.route("**", hold)
        with self.page.expect_request(lambda request: request.method == "POST") as first:
            self.page.mouse.click(*middle)
        # The second click has the browser drop the first request, which is on its way by then.
        self.context.request.fetch(first.value, max_redirects=0)
        self.leave(lambda: self.page.mouse.click(*middle), to)
        assert held, "the first click made no request"
        self.page.unroute_all(behavior="ignoreErrors")

    def back(self):
        self.page.go_back()
        self.check()

    def text(self):
        """Text of the page as a person reads it."""
        return self.page.inner_text("body")

    def check_accessibility(self, axe, without=(), only=()):
        """Fails on what axe-core finds in the page, contrast among it, by all of its rules but these, or by some alone."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(axe)
        found = self.page.evaluate(ACCESSIBILITY, {"without": list(without), "only": list(only)})
        assert not found, "\n".join(found)

    def picture(self, folder, name, full_page=True):
        """Keeps a picture of the whole page or of what the screen shows, where pictures are wanted."""
        if folder:
            self.page.screenshot(path=pathlib.Path(folder) / name, full_page=full_page)


def is_page(url):
    path = urlsplit(url).path
    return path.startswith(PAGES) and not path.startswith(NO_PAGES)
