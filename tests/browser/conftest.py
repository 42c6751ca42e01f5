"""The browser, a world for each test, and visitors."""

import pathlib
import re

import pytest
from playwright.sync_api import sync_playwright

from html_rules import invalid_html
from staff import Staff
from story import Story
from visitor import Visitor
from world import World, email

# The address book of the browser has this machine alone: nothing that it or a page wants reaches another one.
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
# Number of an order, key of a form, or time.
NUMBER = re.compile(r"[0-9A-Z]{20,}|\d\d[\d: .-]+")
# A narrow phone.
PHONE = {"width": 360, "height": 740}
# Screen on a desk.
DESK = {"width": 1280, "height": 800}


def pytest_addoption(parser):
    parser.addoption("--sandbox", required=True, help="program of the sandbox")
    parser.addoption("--chromium", required=True, help="program of the browser")
    parser.addoption("--programs", required=True, help="folder of node and the linters, as .ci/npm prints it")
    parser.addoption("--images", help="folder for pictures of the pages")
    parser.addoption("--figures", help="file to which figures about the console are added, a line each")


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
    # Most differ in numbers of orders and keys of forms alone.
    distinct = {NUMBER.sub("", source): source for source in sorted(sources)}
    for number, source in enumerate(distinct.values()):
        (folder / f"{number}.html").write_text(source)
    # Addresses of the style sheet are of the page's own host.
    rules = {"doctype-style": "off", "require-sri": ["error", {"target": "crossorigin"}]}
    # The line above the sender's name in the text of a mail ends with a blank.
    rules["no-trailing-whitespace"] = "off"
    # That of a user's page has the user's id, which may be long.
    rules["long-title"] = "off"
    # Numbers are shown as MMS lists them.
    rules["tel-non-breaking"] = "off"
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


@pytest.fixture
def staff(browser, sources):
    """Makes members of staff of a world, each with a browser of their own."""
    made = []

    def make(world, role="support", canaries=(), **settings):
        settings = {"viewport": DESK, "locale": "en-US", **settings}
        member = Staff(browser.new_context(**settings), world, canaries, sources)
        made.append(member)
        if role:
            member.sign_in(role)
        return member

    yield make
    for member in made:
        member.check()
        member.context.close()


@pytest.fixture(scope="session")
def story(pytestconfig):
    """A world with orders in all states, which tests only look at."""
    world = World(pytestconfig.getoption("--sandbox"))
    yield Story(world)
    world.end()


@pytest.fixture(scope="session")
def note(pytestconfig):
    """Keeps a line of figures: in the file that is wanted, else on the output of the test."""
    file = pytestconfig.getoption("--figures")

    def keep(line):
        if file:
            with open(file, "a") as figures:
                figures.write(line + "\n")
        else:
            print(line)

    return keep
