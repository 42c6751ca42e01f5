"""Planted faults: a page that has one is refused, so that the other tests prove something."""

import pytest

from html_rules import invalid_html

POLICY = "default-src 'none'; script-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
HEADERS = {
    "content-security-policy": POLICY, "cache-control": "no-store", "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Planted</title>
</head>
<body>
{}
</body>
</html>
"""
FAULTS = {
    "message": ("<script>console.warn('planted')</script>", {}, "console: warning planted"),
    "exception": ("<script>throw new Error('planted')</script>", {}, "script: planted"),
    "style": ("<p style='color: red'>planted</p>", {}, "CSP: style-src-attr inline"),
    "other host": (
        "<img src='http://shop.example/planted.png' alt=''>", {"content-security-policy": POLICY + "; img-src http:"},
        "request to another host: http://shop.example/planted.png",
    ),
    "missing file": (
        "<img src='/planted.png' alt=''>", {"content-security-policy": POLICY + "; img-src http:"}, "404 GET http",
    ),
    "width": ("<p>" + "planted" * 60 + "</p>", {}, "page "),
    "address": ("<p>canary-planted@customer.example</p>", {}, "canary-planted@customer.example is in"),
    "frames": ("", {"content-security-policy": "default-src 'none'"}, "without frame-ancestors 'none'"),
    "cache": ("", {"cache-control": "max-age=60"}, "cache-control without no-store"),
}


def shown(visitor, world, body, headers=None):
    """Shows a page with this body in place of the checkout page."""
    html = PAGE.format(body)
    # Not to be valid, as those of the product are.
    visitor.sources = set()
    answer = {"body": html, "content_type": "text/html", "headers": {**HEADERS, **(headers or {})}}
    visitor.page.route("**/checkout/planted", lambda route: route.fulfill(**answer))
    visitor.page.goto(f"{world.base}/checkout/planted")


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(world, visit, name):
    body, headers, problem = FAULTS[name]
    visitor = visit("canary-planted")
    shown(visitor, world, body, headers)
    with pytest.raises(AssertionError, match=problem.replace("(", r"\(")):
        visitor.check()
    visitor.page.goto("about:blank")
    visitor.problems.clear()


def test_a_page_without_faults_is_not_refused(world, visit):
    visitor = visit("canary-planted")
    shown(visitor, world, "<p>planted</p>")
    visitor.check()


def test_invalid_html_is_found(programs, tmp_path):
    file = tmp_path / "planted.html"
    file.write_text(PAGE.format("<p><div>planted</p></div>"))
    assert "planted.html:9:" in invalid_html(programs, {}, [file])


def test_a_focus_that_is_not_visible_is_found(world, visit):
    visitor = visit("canary-planted")
    policy = {"content-security-policy": POLICY + "; style-src 'unsafe-inline'"}
    shown(visitor, world, "<style>a { outline: none }</style><a href='/shop/a'>planted</a>", policy)
    with pytest.raises(AssertionError, match="the focus is not visible"):
        visitor.focus(visitor.page.get_by_role("link"))


def test_an_element_that_no_key_reaches_is_found(world, visit):
    visitor = visit("canary-planted")
    shown(visitor, world, "<button tabindex=-1>planted</button>")
    with pytest.raises(AssertionError, match="Tab does not reach"):
        visitor.focus(visitor.page.get_by_role("button"))


def test_poor_contrast_is_found(world, visit, axe):
    visitor = visit("canary-planted")
    policy = {"content-security-policy": POLICY + "; style-src 'unsafe-inline'"}
    shown(visitor, world, "<main><h1>planted</h1><p style='color: #bbb'>planted</p></main>", policy)
    with pytest.raises(AssertionError, match="color-contrast"):
        visitor.check_accessibility(axe)
