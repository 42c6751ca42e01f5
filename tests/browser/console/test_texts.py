"""Texts of the console in the three languages of staff."""

import re
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from staff import CUSTOMER, ORDERS, pages
from story import NOTE, WHY_CANCELLED, WHY_EXTENDED

# What browsers ask for, the language of the pages, and the names of the zone of Taipei and of that of Jakarta in it.
LANGUAGES = [
    ("zh-TW", "zh-TW", ("台北", "雅加達", "WIB")),
    ("en-US", "en", ("Taipei", "Jakarta", "WIB")),
    ("id-ID", "id", ("Taipei", "WIB")),
]
# Texts of labels, titles, buttons and links, and all others; but not what was typed or stored, and not the text of mails.
FRAME = "header, nav, h1, h2, h3, th, dt, label, summary, button, option, caption, [placeholder], [aria-label]"
TEXTS = """(frame) => {
  const isOwn = (node) => !node.parentElement.closest('pre, script, style, textarea');
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const texts = [], inFrame = [];
  while (walker.nextNode()) {
    const node = walker.currentNode, text = node.data.trim();
    if (!text || !isOwn(node)) continue;
    texts.push(text);
    if (node.parentElement.closest(frame)) inFrame.push(text);
  }
  for (const element of document.querySelectorAll('[placeholder], [aria-label]'))
    inFrame.push(element.getAttribute('placeholder') ?? element.getAttribute('aria-label'));
  return { texts, inFrame, title: document.title };
}"""
TIMES = """() => [...document.querySelectorAll('time')].map((time) => ({
  text: time.textContent.trim(), title: time.title, at: time.dateTime }))"""
# Names that are the same in all languages.
NAMES = {"Moonpine", "English", "Indonesia", "ECPay", "CSV", "JSON", "FREE", "STUDENT", "PRO", "ENTERPRISE", "owner", "Bapak",
         "Ibu", "xlsx"}
# Words that English and Indonesian share.
SHARED = {"Menu", "Status", "Slack"}
# Words of the providers of mails and of WhatsApp.
PROVIDERS = ("content refused", "Success sent message")
# Reasons in the report of a run, which the API and logs have in English.
REPORTS = ("nothing new at ECPay",)
# Subject of a mail to staff.
TO_STAFF = "No more mail to the customer: order"
# A name of the API in place of a text.
RAW = re.compile(r"\b[a-z]+_[a-z_]+\b|\b[a-z]+-[a-z]+-[a-z-]+\b")
WORDS = re.compile(r"[a-z]{3,} [a-z]{2,}")
CHINESE = re.compile("[\u4e00-\u9fff]+")


def texts(member, page):
    member.see(page)
    return member.page.evaluate(TEXTS, FRAME)


def data(story):
    """What is stored, and the same in every language."""
    zones = {"Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"}
    return {*story.orders.values(), *zones, CUSTOMER, "Sari Dewi", "nowhere", "付款收據 - Payment Receipt", TO_STAFF}


def is_written(text):
    """True for what staff have written, a mail, the words of providers, and the reasons of a quarantined report and of a run."""
    return any(known in text for known in (WHY_EXTENDED, WHY_CANCELLED, NOTE, TO_STAFF, *PROVIDERS, *REPORTS, "simulated"))


@pytest.mark.parametrize("locale, tag, zones", LANGUAGES)
def test_every_page_is_in_the_language_that_the_browser_asks_for(story, staff, locale, tag, zones):
    member = staff(story.world, "owner", locale=locale)
    for name, page in pages(story).items():
        found = texts(member, page)
        assert member.page.locator("html").get_attribute("lang") == tag
        assert not [text for text in [*found["texts"], *found["inFrame"]] if RAW.search(text)], name
        frame = " ".join([*found["inFrame"], found["title"]])
        for known in data(story):
            frame = frame.replace(known, "")
        if tag == "zh-TW":
            assert set(re.findall("[A-Za-z]{3,}", frame)) <= NAMES, name
            # No sentence of the page is another language's, apart from what staff have written.
            sentences = [text for text in found["texts"] if WORDS.search(text)]
            assert not [text for text in sentences if not is_written(text)], name
        else:
            assert set(CHINESE.findall(frame)) <= {"月松", "中文"}, name
        check_times(member, zones, name)
        check_links(member, page, tag)


def check_links(member, page, tag):
    """Links to the other languages keep the page and its filter."""
    links = member.page.locator("header [hreflang]").evaluate_all("(links) => links.map((link) => link.href)")
    assert len(links) == 2
    for link in map(urlsplit, links):
        query = dict(parse_qsl(link.query))
        assert query.pop("lang") in {"zh-TW", "en", "id"} - {tag}
        assert (unquote(link.path), query) == (urlsplit(page).path, dict(parse_qsl(urlsplit(page).query)))


def check_times(member, zones, name):
    """Each time has its zone, and UTC on pointing at it."""
    times = member.page.evaluate(TIMES)
    for time in times:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", time["title"]), (name, time)
        assert time["title"].replace(" UTC", "Z").replace(" ", "T") == time["at"], (name, time)
        assert time["text"].endswith(zones), (name, time)
    shown = member.page.evaluate(TEXTS, FRAME)["texts"]
    # Hours of sending are in each customer's own zone.
    shown = [text for text in shown if not re.fullmatch(r"\d\d:\d\d-\d\d:\d\d", text)]
    # What ECPay sent is shown as it is.
    shown = [text for text in shown if not re.fullmatch(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d", text)]
    alone = [text for text in shown if re.search(r"\d\d:\d\d", text) and not any(zone in text for zone in zones)]
    assert sorted(alone) == sorted(re.sub(r"\s\S+$", "", time["text"]) for time in times), name


def test_indonesian_is_not_english(story, staff):
    english, indonesian = staff(story.world, "owner"), staff(story.world, "owner", locale="id-ID")
    for name, page in pages(story).items():
        both = [texts(member, page) for member in (english, indonesian)]
        same = set(both[0]["inFrame"]) & set(both[1]["inFrame"])
        words = {text for text in same if re.search("[a-z]{3,}", text)}
        assert not {text for text in words if not any(known in text for known in data(story) | NAMES | SHARED)}, name
        sentences = {text for text in set(both[0]["texts"]) & set(both[1]["texts"]) if WORDS.search(text)}
        assert not {text for text in sentences if not is_written(text)}, name


def test_the_chosen_language_stays(story, staff):
    member = staff(story.world, "owner")
    member.see(f"{ORDERS}?plan=PRO&status=active")
    member.press(member.page.get_by_role("link", name="Indonesia"), ORDERS)
    assert member.page.locator("h1").inner_text() == "Langganan"
    assert member.page.locator("#plan").input_value() == "PRO"
    assert member.page.locator("#status").input_value() == "active"
    order = story.orders["annual"]
    member.press(member.page.get_by_role("link", name=order), f"{ORDERS}/{order}")
    assert "Paket PRO aktif" in member.text()
    # Nothing in the address says so any more.
    assert "lang=" not in member.page.url
    member.press(member.page.get_by_role("button", name="Keluar"), "/console/login")
    assert member.page.locator("h1").inner_text() == "Masuk"


def test_refusals_and_outcomes_are_in_the_language_of_the_page(story, staff):
    member = staff(story.world, "read-only", locale="zh-TW")
    member.see(f"{ORDERS}/DKNOSUCH", status=404)
    assert "找不到" in member.text()
    assert not WORDS.search(member.page.inner_text("main"))
