"""HTML of every mail to a customer, in both languages: valid, readable on a phone, and what mail programs leave out of it."""

import html
import json
import pathlib
import subprocess

import pytest

from html_rules import invalid_html

KINDS = sorted({file.stem for file in pathlib.Path("shared/templates/customer/en").glob("*.txt")} - {"advice"})
LOCALES = ["zh-TW", "en"]

# Layout by tables with styles and old attributes is what Outlook for Windows shows; the other rules of HTML hold.
HTML_RULES = {
    # Only Outlook for Windows reads conditional comments: its table has a fixed width.
    "doctype-style": "off", "no-conditional-comment": "off", "no-deprecated-attr": "off", "no-inline-style": "off",
    "prefer-tbody": "off",
}
# Features that some mail programs lack, and why the mails have them.
LACKING = {
    "color-scheme meta tag": "for programs that know it; elsewhere the colours are the same",
    "<body> element": "its colour is also that of the outer table",
    "border-radius": "corners are square there",
    "role attribute": "for screen readers",
}
# Features of which some programs know a part, and which part the mails use.
PARTIAL = {
    "<body> element": "replaced by an element with the same style",
    "align attribute": "center, in cells",
    "background": "one colour",
    "border": "none",
    "border-radius": "one radius",
    "font-size": "pixels",
    "font-weight": "bold",
    "lang attribute": "of the document",
    "line-height": "a number",
    "margin": "positive, of paragraphs",
    "max-width": "of a table; Outlook for Windows and Apple Mail may show the mail as wide as the window",
    "padding": "of cells",
    "role attribute": "of tables",
    "text-decoration": "none",
    "width attribute": "of tables",
}
# A mail is a part of its program's page, which has landmarks and headings.
NOT_OF_MAILS = ("landmark-one-main", "page-has-heading-one", "region")


@pytest.fixture
def mails(world, tmp_path):
    """Files of the mails by kind and language."""
    files = {}
    for kind in KINDS:
        for locale in LOCALES:
            mail = world.call("GET", f"/api/mail-templates/{kind}/preview?locale={locale}")
            files[kind, locale] = tmp_path / f"{kind}.{locale}.html"
            files[kind, locale].write_text(mail["html"])
    assert len(files) >= 20, files
    return files


def test_the_html_of_mails_is_valid(mails, programs):
    assert not invalid_html(programs, HTML_RULES, mails.values())


def test_mails_use_what_mail_programs_show(mails, programs, capsys):
    command = [programs / "node", "tests/browser/mail_clients.cjs", programs.parent, *mails.values()]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    with capsys.disabled():
        print("\nWhat mail programs leave out of the mails, by caniemail.com:")
        for feature, support in sorted(found.items()):
            for level in ("none", "partial"):
                if support[level]:
                    print(f"  {feature}: {level} in {', '.join(sorted(support[level]))}")
    assert {feature for feature, support in found.items() if support["none"]} == set(LACKING)
    assert {feature for feature, support in found.items() if support["partial"]} == set(PARTIAL)


def test_mails_are_readable_on_a_phone(mails, visit, axe):
    visitor = visit("canary-reader")
    for (kind, locale), file in mails.items():
        visitor.page.set_content(file.read_text())
        assert visitor.page.evaluate("() => document.documentElement.lang") == locale, kind
        assert visitor.page.get_by_role("link").count() == 1, kind
        visitor.check_fit()
        visitor.check_accessibility(axe, NOT_OF_MAILS)


def test_a_browser_shows_the_preview_of_a_mail(world, visit):
    visitor = visit("canary-staff", extra_http_headers={"authorization": f"Bearer {world.token}"})
    for locale in LOCALES:
        visitor.open(f"{world.base}/api/mail-templates/receipt/preview?format=html&locale={locale}")
        assert "NT$" in visitor.text()
        visitor.check_fit()


@pytest.mark.parametrize("locale", LOCALES)
def test_pictures_of_the_mails(mails, visit, images, locale):
    visitor = visit("canary-reader", viewport={"width": 1760, "height": 1000})
    shown = {kind: file.read_text() for (kind, language), file in mails.items() if language == locale}
    frames = "".join(
        f'<figure><figcaption>{kind}</figcaption><iframe srcdoc="{html.escape(text)}"></iframe></figure>'
        for kind, text in shown.items())
    style = "body{display:flex;flex-wrap:wrap}figure{margin:6px}iframe{width:420px;height:600px;border:1px solid #ccc}"
    visitor.page.set_content(f"<style>{style}</style>{frames}")
    visitor.page.wait_for_function(
        "() => [...document.querySelectorAll('iframe')].every((frame) => frame.contentDocument.readyState === 'complete')")
    assert visitor.page.locator("iframe").count() == len(KINDS)
    visitor.picture(images, f"mails-{locale}.png")
