"""The browser, a world for each test, and visitors."""

import pathlib

import pytest
from playwright.sync_api import sync_playwright

from html_rules import invalid_html
from visitor import Visitor
from world import World, email

# The address book of the browser has this machine alone: nothing that it or a page wants reaches another one.
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
# A narrow phone.
PHONE = {"width": 360, "height": 740}


def pytest_addoption(parser):
    parser.addoption("--sandbox", required=True, help="program of the sandbox")
    parser.addoption("--chromium", required=True, help="program of the browser")
    parser.addoption("--programs", required=True, help="folder of node and the linters, as .ci/npm prints it")
    parser.addoption("--images", help="folder for pictures of the pages")


@pytest.fixture(scope="session")
def browser(pytestconfig):
    with sync_playwright() as playwright:
        program = pytestconfig.getoption("--chromium")
        # A data directory of its own, which ends with it.
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def programs(pytestconfig):
    return pathlib.Path(pytestconfig.getoption("--programs")).resolve()


@pytest.fixture(scope="session")
def axe(programs):
    return (programs.parent / "axe-core/axe.min.js").read_text()


@pytest.fixture(scope="session")
def images(pytestconfig):
    return pytestconfig.getoption("--images")


@pytest.fixture(scope="session")
def sources(programs, tmp_path_factory):
    """HTML of all pages that were shown, which is valid."""
    sources = set()
    yield sources
    folder = tmp_path_factory.mktemp("pages")
    for number, source in enumerate(sorted(sources)):
        (folder / f"{number}.html").write_text(source)
    # Addresses of the style sheet are of the page's own host.
    rules = {"doctype-style": "off", "require-sri": ["error", {"target": "crossorigin"}]}
    found = invalid_html(programs, rules, sorted(folder.iterdir()))
    assert not found, found


@pytest.fixture
def world(pytestconfig):
    world = World(pytestconfig.getoption("--sandbox"))
    yield world
    world.end()


@pytest.fixture
def visit(browser, world, sources):
    """Makes visitors of this world, whose pages show neither the user's id nor the address."""
    visitors = []

    def make(user, canaries=(), **settings):
        settings = {"viewport": PHONE, "locale": "zh-TW", **settings}
        visitor = Visitor(browser.new_context(**settings), world, [user, email(user), *canaries], sources)
        visitors.append(visitor)
        return visitor

    yield make
    for visitor in visitors:
        visitor.check()
        visitor.context.close()
