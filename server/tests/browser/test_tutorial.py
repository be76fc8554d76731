"""A new user follows the tutorial of the UI in a browser, word by word; its pictures are taken on the way."""

import os
import re
import shutil
import struct
from pathlib import Path

import pytest
from playwright.sync_api import expect

from house.pages import blocks_of

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]

PAGE = Path(__file__).parents[3] / "docs" / "tutorial" / "the-ui.md"
PICTURES = re.compile(r"!\[[^\]]+\]\((the-ui/([\w-]+)\.png)\)")
SIZE = {"width": 960, "height": 560}
LARGEST = 100 * 1024
PASSWORD = "four words will do"


class Reader:
    """Clicks what the page has in bold letters, and remembers of what the pictures were taken."""

    def __init__(self, page, folder):
        self.page, self._folder, self.taken = page, folder, []
        self.main, self.dialog, self.log = page.locator("main"), page.get_by_role("dialog"), page.get_by_role("log")
        self._bold = iter(re.findall(r"\*\*([^*]+)\*\*", PAGE.read_text()))
        assert next(self._bold) == "bold"

    def next(self, label):
        """Hold that the page has this in bold letters next."""
        assert next(self._bold) == label

    def click(self, label, *, role="button", of=None, exact=True, name=""):
        self.next(label)
        (of or self.page).get_by_role(role, name=name or label, exact=exact).first.click()

    def fill(self, label, value):
        self.next(label)
        self.page.get_by_label(label, exact=True).fill(value)

    def choose(self, label, value):
        self.next(label)
        self.page.get_by_label(label, exact=True).select_option(value)

    def take(self, name, *seen):
        """Take a picture once all of this is seen."""
        for each in seen:
            expect(each.first).to_be_visible()
        self.page.mouse.move(0, 0)
        self.page.evaluate("document.activeElement.blur(); document.fonts.ready")
        self.page.screenshot(path=self._folder / f"{name}.png", animations="disabled", caret="hide")
        self.taken.append(name)

    def ended(self):
        """Hold that nothing in bold letters was left out."""
        assert list(self._bold) == []


@pytest.fixture
def beginner(make_project):
    """A project as the page makes it, which runs."""
    made = make_project("beginner")
    made.penstock("init", "--no-example")
    with (made.folder / "penstock.toml").open("a") as settings:
        settings.write('\n[logs]\nindex = true\nchunk_s = 0.2\n\n[services.server]\ntype = "server.server"\nport = 0\n')
    (file,) = (block for block in blocks_of(PAGE.read_text()) if block.title)
    (made.folder / file.title).parent.mkdir(exist_ok=True)
    (made.folder / file.title).write_text(file.text)
    made.start("up", "up")
    return made


def test_a_new_user_follows_the_tutorial_and_sees_what_its_pictures_show(beginner, browser, tmp_path):
    told = beginner.until(lambda: re.search(r"(http://127\.0\.0\.1:\d+)/welcome#\S+", beginner.said("up")))
    context = browser.new_context(viewport=SIZE, color_scheme="light", timezone_id="UTC", reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(20_000)
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(told[0])
    reads = Reader(page, tmp_path)
    _make_the_first_admin(reads)
    page.evaluate("window.sameDocument = true")
    _trigger(reads)
    _find_out_why_it_waits(reads)
    failed = _find_the_error_and_its_cause(reads)
    assert page.evaluate("window.sameDocument"), "no page was loaded anew"
    page.goto(failed)
    _run_it_again_and_search(reads)
    link = _let_a_colleague_in(reads)
    _look_as_the_colleague(reads, browser, link, failed)
    reads.click("Installation", role="link")
    reads.click("Audit", role="link")
    expect(reads.main.get_by_text("bob").first).to_be_visible()
    reads.ended()
    context.close()
    assert faults == []
    assert reads.taken == [name for _, name in PICTURES.findall(PAGE.read_text())]
    _compare(tmp_path, reads.taken)


def _make_the_first_admin(reads):
    reads.fill("User", "ann")
    reads.fill("Password", PASSWORD)
    reads.take("welcome", reads.page.get_by_role("heading", name="Welcome to Penstock"))
    reads.click("Make the admin")
    reads.take("dags", reads.page.get_by_role("link", name="shop", exact=True), reads.page.get_by_text("tutorial"))


def _trigger(reads):
    reads.click("Trigger", name="Trigger shop")
    reads.fill("orders", "6")
    reads.take("trigger", reads.dialog.get_by_text("How many are read, one a second."))
    reads.click("Trigger", of=reads.dialog)
    reads.next("live")
    expect(reads.page.get_by_text("live", exact=True)).to_be_visible()
    reads.click("read", role="link")
    reads.take("live", reads.log.get_by_text("order 2 of acme"), reads.main.get_by_text("running"))
    expect(reads.main.locator(".state").first).to_contain_text("success")
    reads.page.go_back()


def _find_out_why_it_waits(reads):
    reads.click("store", role="link")
    reads.take("why", reads.main.get_by_text("pool 'warehouse' does not exist"), reads.main.get_by_text("scheduled"))
    reads.click("Installation", role="link")
    reads.click("Pools", role="link")
    reads.click("Make", name="Make warehouse")
    expect(reads.page.get_by_label("Slots", exact=True)).to_have_value("1")
    reads.next("Slots")
    reads.click("Save")
    expect(reads.dialog).to_have_count(0)


def _find_the_error_and_its_cause(reads):
    reads.click("DAGs", role="link", of=reads.page.get_by_role("banner"))
    reads.click("shop", role="link")
    row, column = reads.page.get_by_role("row", name="check"), reads.page.get_by_role("columnheader", name="failed")
    reads.take("grid", column, row)
    reads.page.mouse.click(_middle(column)[0], _middle(row)[1])
    expect(reads.log).to_contain_text("ValueError: 6 orders came, and 10 is the least")
    failed = reads.page.url
    reads.click("Installation", role="link")
    reads.click("Variables", role="link")
    reads.click("New Variable")
    reads.fill("Key", "least_orders")
    reads.fill("Value", "5")
    reads.click("Save")
    expect(reads.dialog).to_have_count(0)
    return failed


def _run_it_again_and_search(reads):
    reads.click("Run again")
    reads.take("again", reads.page.get_by_label("What would run again").get_by_text("check"))
    reads.click("Run 1 task instance again")
    expect(reads.main.locator(".state").first).to_contain_text("success")
    reads.next("Tries")
    expect(reads.page.get_by_role("link", name="Tries")).to_be_visible()
    reads.click("Search", role="link")
    reads.page.get_by_label("Search in everything").fill("order 4")
    reads.take("search", reads.page.get_by_role("link", name=re.compile("order 4 of acme")))


def _let_a_colleague_in(reads):
    reads.click("Installation", role="link")
    reads.click("Users", role="link")
    reads.click("New user")
    reads.fill("Name", "bob")
    reads.choose("Role on everything", "viewer")
    reads.click("Make")
    reads.click("Link for a password")
    reads.click("Make the link")
    secret = reads.dialog.locator("code")
    expect(secret).to_contain_text("/reset#")
    link = secret.inner_text()
    secret.evaluate(
        "(code) => { code.textContent = code.textContent.replace(/:[0-9]+/, ':8080').replace(/#.*/, '#' + 'x'.repeat(43)); }"
    )
    reads.take("viewer", secret)
    reads.page.get_by_role("button", name="Close").click()
    return link


def _look_as_the_colleague(reads, browser, link, failed):
    context = browser.new_context(viewport=SIZE)
    page = context.new_page()
    page.goto(link)
    for label in ("Password", "Set the password"):
        reads.next(label)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    changes = page.get_by_role("button", name=re.compile("Trigger|Pause shop|Run again|Mark"))
    expect(page.get_by_role("link", name="shop", exact=True)).to_be_visible()
    expect(changes).to_have_count(0)
    page.get_by_role("link", name="shop", exact=True).click()
    expect(page.get_by_role("grid")).to_be_visible()
    expect(changes).to_have_count(0)
    page.goto(failed)
    expect(page.get_by_role("log")).to_be_visible()
    expect(changes).to_have_count(0)
    context.close()


def _middle(locator):
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def _compare(taken, names):
    """Each picture of the page is there, as large as the one that was taken; or they are replaced, if that is asked for."""
    committed = PAGE.parent / "the-ui"
    if os.environ.get("PENSTOCK_TESTS_PICTURES"):
        for name in names:
            shutil.copy(taken / f"{name}.png", committed)
    assert sorted(path.name for path in committed.iterdir()) == sorted(f"{name}.png" for name in names)
    for name in names:
        data = (committed / f"{name}.png").read_bytes()
        assert len(data) <= LARGEST, name
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", data[16:24]) == tuple(SIZE.values()), name
