"""Every page of the console: readable by everybody, small, and the pictures of the documents."""

import pytest

from staff import ORDERS, pages
from world import email

# Most bytes of a page with its style sheet and its script, as they are sent.
LARGEST = 100 * 1024
TIMES = """() => {
  const [page] = performance.getEntriesByType('navigation');
  const files = performance.getEntriesByType('resource').filter((file) => !file.name.endsWith('.svg'));
  return {
    first: page.responseStart - page.requestStart,
    sent: [page, ...files].reduce((sum, entry) => sum + entry.encodedBodySize, 0),
  };
}"""


@pytest.mark.parametrize("width", [360, 1280])
def test_every_page_is_readable_in_both_schemes_and_at_any_width(story, staff, axe, width):
    member = staff(story.world, "owner", viewport={"width": width, "height": 740})
    for page in pages(story).values():
        member.page.emulate_media(color_scheme="light")
        member.see(page)
        member.page.locator("details").evaluate_all("(parts) => parts.forEach((part) => { part.open = true })")
        member.check()
        member.check_accessibility(axe)
        # Nothing but the colours is another one.
        member.page.emulate_media(color_scheme="dark")
        red = member.page.evaluate("() => getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
        assert int(red) < 64
        member.check_accessibility(axe, only=["color-contrast"])


def test_every_page_is_small(story, staff, note):
    member = staff(story.world, "owner")
    for name, page in pages(story).items():
        member.see(page)
        times = member.page.evaluate(TIMES)
        html = len(member.answer.body())
        note(f"{name}\t{html} bytes of HTML\t{times['sent']} bytes sent\tfirst byte after {times['first']:.0f} ms")
        assert html <= times["sent"] <= LARGEST, name


def test_pictures_of_the_console(story, staff, images):
    member = staff(story.world, "owner")
    for name, page, height, text in [
        # Down to the first entries of the timeline.
        ("subscription", f"{ORDERS}/{story.number}", 1350, "Reason of the decline"),
        ("today", "/console", 800, "What needs you"),
        ("search", f"/console/search?q={email('corner-books')}", 400, "corner-books"),
        ("messages", f"/console/messages?subscription={story.orders['bounced']}", 800, "bounced for good"),
    ]:
        member.page.set_viewport_size({"width": 1200, "height": height})
        member.see(page)
        assert text in member.text()
        member.picture(images, f"console-{name}.png", full_page=False)
