"""The pages of the installation and the search, in a real browser: what there is, what may be done, and hostile texts in each."""

import re
from urllib.parse import quote, unquote
from urllib.request import Request, urlopen

import msgspec
import pytest
from playwright.sync_api import expect

from penstock.app import compose
from penstock.model.remote.execution_messages import CONTENT_TYPE, PREFIX, Renewal, RenewalAnswer, worker_name
from penstock.model.remote.remote_try import OfferedTry, WorkerStatus
from penstock.model.run import TaskKey
from penstock.settings import load_settings
from penstock_testkit.nightly import thinned

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(240)]

HOSTILE = "<img src=x onerror=alert(1)>"
LONG = "a_name_that_is_so_long_that_it_hardly_fits_into_a_line_of_any_table_and_has_no_blank_" * 2

STOCK = """
import logging
import time
from pathlib import Path

from penstock import DAG, Asset, task

with DAG("stock", schedule=[Asset("file://orders.csv")], max_active_runs=4):

    @task(pool="narrow", outlets=[Asset("file://stock.csv", extra={"of": "<img src=x onerror=alert(1)>"})])
    def count_shelves():
        logging.getLogger("stock").warning("shelf 17 is <img src=x onerror=alert(1)> \\x1b[31mempty\\x1b[0m")
        while not Path("stock-door").exists():
            time.sleep(0.05)

    count_shelves()
"""


SHOP = {
    "conn_id": "shop", "conn_type": "http", "host": HOSTILE, "port": 443, "login": "ann", "password": "hunter2-of-shop",
    "extra": {"api_token": "hunter2-of-extra"}, "description": HOSTILE,
}  # fmt: skip
READS_STOCK = {
    "role": "viewer", "dags": ["stock"], "tags": [], "connections": [], "variables": [], "pools": [], "installation": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def furnished(project):
    """The project with something on each page, hostile and long names among it; a run holds a pool, and another waits for it."""
    ask = project.ask
    ask("PUT", "/pools/narrow", slots=1, description=HOSTILE)
    ask("PUT", f"/pools/{LONG}", slots=4, rate="10/min", description="Of the shop.")
    project.folder.joinpath("dags", "stock.py").write_text(STOCK)
    ask("PUT", "/variables/region", value="eu-west-1", description=HOSTILE)
    ask("PUT", "/variables/api_token", value="hunter2-of-the-variable")
    ask("PUT", f"/variables/{LONG}", value=LONG)
    ask("PUT", "/connections/shop", connection=SHOP)
    ask("POST", "/teams", team="warehouse", description=HOSTILE)
    ask("POST", "/teams/warehouse/grants", given={**READS_STOCK, "connections": ["shop"]})
    ask("POST", "/users", user="bob")
    ask("POST", "/users", user="stockbot", service=True)
    ask("PUT", "/teams/warehouse/members/bob")
    project.until(lambda: any(each["dag_id"] == "stock" for each in ask("GET", "/dags")["items"]))
    ask("POST", "/assets/events", name="file://orders.csv", key=HOSTILE)
    for name in ("holds", HOSTILE):
        ask("POST", "/dags/stock/runs", run_id=name)
    yield project
    project.folder.joinpath("stock-door").touch()


@pytest.fixture(scope="module")
def reader(furnished):
    """A token that may read the DAG stock and nothing else."""
    furnished.ask("POST", "/users", user="reader", service=True, given=READS_STOCK)
    return furnished.ask("POST", "/tokens", name="reads stock", user="reader")["secret"]


PAGES = {
    "health": ("/installation", "works"),
    "queues": ("/installation/queues", "default"),
    "workers-none": ("/installation/workers", "No worker was heard of lately"),
    "pools": ("/installation/pools?pool=narrow", "count_shelves"),
    "files": ("/installation/files", "no_such_thing"),
    "files-broken": ("/installation/files?only=broken", "broken.py"),
    "providers": ("/installation/providers?provider=server", "server.server"),
    "connections": ("/installation/connections", "shop"),
    "variables": ("/installation/variables", "eu-west-1"),
    "variables-none": ("/installation/variables?search=nothing-like-that", "No Variable is like that"),
    "assets": ("/installation/assets?asset=file%3A%2F%2Forders.csv", "waits for"),
    "users": ("/installation/users?user=bob", "Let in no more"),
    "teams": ("/installation/teams?team=warehouse", "Members"),
    "audit": ("/installation/audit", "the owner"),
    "audit-dag": ("/installation/audit?dag=stock", "trigger"),
    "account": ("/installation/account", "owner of this installation"),
    "no-section": ("/installation/nothing", "There is no such page"),
    "search-empty": ("/search", "What do you look for?"),
    "search": ("/search?q=shelf", "shelf 17"),
    "search-ids": ("/search?q=st", "stock"),
}  # fmt: skip
LOOKS = [pytest.param("light", 1280), pytest.param("dark", 1280), pytest.param("light", 390)]


def _found(page, axe):
    found = page.evaluate(axe + ";axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})")
    return [(each["id"], node["html"][:200]) for each in found["violations"] for node in each["nodes"]]


@pytest.mark.parametrize(("theme", "width"), thinned(LOOKS, 3))
def test_each_page_shows_its_thing_and_keeps_nobody_out(theme, width, furnished, open_page, pictures, axe):
    page = open_page("/installation", theme=theme, width=width)
    wrong = {}
    for name, (path, text) in PAGES.items():
        page.goto(furnished.url + path)
        expect(page.locator("main").get_by_text(text).filter(visible=True).first).to_be_visible()
        page.screenshot(path=pictures / f"installation-{name}-{theme}-{width}.png", full_page=True)
        faults = _found(page, axe)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            faults.append("it scrolls sideways")
        if "hunter2" in page.content() or page.locator("main img").count():
            faults.append("a secret, or markup of a stranger")
        if faults:
            wrong[name] = faults
    assert wrong == {}


def test_a_connection_is_made_changed_without_its_secret_and_deleted(furnished, open_page, axe, pictures):
    page = open_page("/installation/connections")
    page.get_by_role("button", name="New connection").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Id", exact=True).fill("mail")
    dialog.get_by_label("Type", exact=True).select_option("smtp")
    dialog.get_by_label("host").fill("mail.example")
    dialog.get_by_label("password").fill("hunter2-of-mail")
    page.screenshot(path=pictures / "installation-connection-form.png")
    assert _found(page, axe) == []
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("cell", name="mail", exact=True)).to_be_visible()
    page.get_by_role("button", name="Change mail").click()
    expect(dialog.get_by_label("password")).to_have_value("")
    dialog.get_by_label("login").fill("ann")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name=re.compile("mail.*ann"))).to_be_visible()
    assert furnished.ask("GET", "/connections/mail")["password"] == "***"
    page.get_by_role("button", name="Change mail").click()
    dialog.get_by_label("host").fill("evil.example")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Give the secrets anew")
    dialog.get_by_label("password").fill("another")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name=re.compile("mail.*evil.example"))).to_be_visible()
    page.get_by_role("button", name="Delete mail").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("cell", name="mail", exact=True)).to_have_count(0)


def test_pools_variables_teams_and_grants_are_changed_by_their_forms(furnished, open_page, axe):
    page = open_page("/installation/pools")
    dialog = page.get_by_role("dialog")
    page.get_by_role("button", name="New pool").click()
    dialog.get_by_label("Name").fill("wide")
    dialog.get_by_label("Slots").fill("many")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("many is none")
    assert _found(page, axe) == []
    dialog.get_by_label("Slots").fill("3")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name=re.compile("wide.*0 of 3"))).to_be_visible()

    page.get_by_role("link", name="Variables").click()
    page.get_by_role("button", name="Change api_token").click()
    expect(dialog.get_by_label("Value")).to_have_value("")
    dialog.get_by_label("Value").fill("hunter2-again")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    assert furnished.ask("GET", "/variables/api_token") == "hunter2-again"
    expect(page.get_by_text("hunter2-again")).to_have_count(0)

    page.get_by_role("link", name="Teams").click()
    page.get_by_role("link", name="warehouse").click()
    assert page.url.endswith("?team=warehouse")
    page.get_by_label("User to put into the team").fill("stockbot")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Take stockbot out of the team")).to_be_visible()
    page.get_by_role("button", name="Grant something").click()
    dialog.get_by_label("Role").select_option("operator")
    dialog.get_by_label("Pools").fill("narrow wide")
    dialog.get_by_role("button", name="Grant", exact=True).click()
    expect(page.get_by_role("row", name="operator Pools narrow wide")).to_be_visible()


def test_a_token_is_shown_once_and_a_user_is_let_in_no_more(furnished, open_page, axe, pictures):
    page = open_page("/installation/users?user=bob")
    dialog = page.get_by_role("dialog")
    page.get_by_role("button", name="Make a token").click()
    dialog.get_by_label("What it is for").fill(HOSTILE)
    dialog.get_by_label("It may less than its user").check()
    dialog.get_by_label("see DAGs, their runs").check()
    dialog.get_by_role("button", name="Make", exact=True).click()
    secret = page.locator("code", has_text="penstock_").inner_text()
    page.screenshot(path=pictures / "installation-token.png")
    assert _found(page, axe) == []
    assert furnished.ask("GET", "/me", token=secret)["only"] == ["dags:read"]
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_text(secret)).to_have_count(0)
    expect(page.get_by_role("cell", name=HOSTILE, exact=True)).to_be_visible()
    page.get_by_role("button", name="Link for a password").click()
    dialog.get_by_role("button", name="Make the link").click()
    expect(dialog.locator("code")).to_contain_text(f"{furnished.url}/reset#")
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Let in no more").click()
    dialog.get_by_role("button", name="Let in no more").click()
    expect(page.get_by_role("button", name="Let in again")).to_be_visible()
    page.get_by_role("button", name=f"Revoke {HOSTILE}").click()
    dialog.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("cell", name=HOSTILE, exact=True)).to_have_count(0)


def test_own_password_is_changed_and_own_sessions_are_listed(furnished, open_page, admin):
    user, password, _ = admin
    page = open_page("/login", token=False)
    page.get_by_label("User").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="DAGs")).to_be_visible()
    page.keyboard.press("i")
    page.get_by_role("link", name="Your account").click()
    for new in ("another four words do", password):
        page.get_by_label("Password now").fill(password if new != password else "another four words do")
        page.get_by_label("New password", exact=True).fill(new)
        page.get_by_label("New password again").fill(new)
        page.get_by_role("button", name="Change the password").click()
        expect(page.get_by_text("It is changed")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^End the one from"))).not_to_have_count(0)


def test_the_audit_is_narrowed_by_person_action_and_time_in_the_address(furnished, open_page):
    furnished.penstock("dags", "pause", "stock", "--reason", "a look at the audit")
    furnished.penstock("dags", "unpause", "stock")
    page = open_page("/installation/audit?action=pause&dag=stock")
    row = page.get_by_role("row").filter(has_text="a look at the audit")
    expect(page.locator("tbody tr")).to_have_count(1)
    row.get_by_title("Only by this person").click()
    assert "by=" in page.url
    page.get_by_label("To", exact=True).fill("2026-01-01T00:00")
    expect(page.get_by_text("Nothing is like that")).to_be_visible()
    assert "until=2025-12-31T18%3A15" in page.url, "picked in Kathmandu"
    page.get_by_label("To", exact=True).fill("")
    page.get_by_label("From").fill("2026-01-01T00:00")
    expect(row).to_be_visible()
    page.get_by_role("button", name="Take the filters away").click()
    expect(page.locator("tbody tr")).not_to_have_count(1)
    assert page.url.endswith("/installation/audit")


def test_what_may_not_be_done_is_not_offered_and_a_refusal_says_so(reader, furnished, open_page):
    page = open_page("/installation", secret=reader)
    nav = page.get_by_role("navigation", name="Parts of the installation")
    expect(nav.get_by_role("link")).to_have_text(["Assets", "Your account"])
    for section in ("connections", "users", "audit"):
        page.goto(f"{furnished.url}/installation/{section}")
        expect(page.get_by_role("alert").first).to_contain_text(re.compile("may not", re.IGNORECASE))
        expect(page.get_by_role("button", name=re.compile("^New"))).to_have_count(0)
    page.goto(f"{furnished.url}/search?q=o")
    expect(page.get_by_role("region", name="DAGs").get_by_role("link")).to_have_text(["stock"])


def test_a_line_is_found_by_keys_alone_and_leads_to_its_place_in_the_log(furnished, open_page):
    page = open_page("/dags")
    expect(page.get_by_role("link", name="stock", exact=True)).to_be_visible()
    page.keyboard.press("s")
    box = page.get_by_label("Search in everything")
    expect(box).to_be_focused()
    page.keyboard.type("shelf 17")
    line = page.get_by_role("link", name=re.compile("shelf 17 is"))
    expect(line.first).to_be_visible()
    assert "q=shelf" in page.url
    page.get_by_label("How grave lines are").select_option("error")
    expect(page.get_by_text("No line has these words under these filters")).to_be_visible()
    page.get_by_role("button", name="Take the filters away").click()
    line.first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".found")).to_contain_text("shelf 17 is <img src=x onerror=alert(1)> empty")
    assert "at=" in page.url
    page.go_back()
    expect(box).to_have_value("shelf 17")
    box.fill("count_sh")
    expect(page.get_by_role("region", name="Tasks").get_by_role("link")).to_have_text(["count_shelves"])


def test_a_task_that_waits_says_why_and_leads_to_who_holds_what_it_waits_for(furnished, open_page):
    furnished.until(lambda: furnished.ask("GET", "/pools/narrow/use")["waiting"])
    use = furnished.ask("GET", "/pools/narrow/use")
    holds, waits = (f"/dags/stock/runs/{quote(use[each][0]['run_id'], safe='')}" for each in ("holders", "waiting"))
    page = open_page(f"{waits}/tasks/count_shelves")
    expect(page.get_by_text("1 of 1 in use")).to_be_visible()
    holder = page.locator("main").get_by_role("link", name="stock · count_shelves")
    assert unquote(holder.get_attribute("href")) == unquote(f"{holds}/tasks/count_shelves")
    holder.click()
    expect(page.locator("main .state").first).to_contain_text("running")


def test_a_pool_that_gets_free_is_seen_without_a_reload(furnished, open_page):
    page = open_page("/installation/pools?pool=narrow")
    holders = page.get_by_role("link", name="stock · count_shelves")
    expect(holders.first).to_be_visible()
    page.evaluate("window.sameDocument = true")
    furnished.folder.joinpath("stock-door").touch()
    expect(page.get_by_text("Nobody: all its slots are free.")).to_be_visible(timeout=30_000)
    assert page.evaluate("window.sameDocument")


class Announced:
    """A worker as it announces itself; its place is a stranger's text."""

    def __init__(self, project, place, **status):
        self.project, self.key, self.answers = project, f"the key of {place}", []
        self.name, self.status = worker_name(place, self.key), status

    def renew(self, **more):
        status = WorkerStatus(self.name, "far", ("heavy", "default"), HOSTILE, "0.1.0", **{**self.status, **more})
        headers = {"Content-Type": CONTENT_TYPE, "Authorization": f"Bearer {self.project.token()}"}
        body = msgspec.msgpack.encode(Renewal(status, self.key))
        with urlopen(Request(f"{self.project.url}{PREFIX}/renewals", body, headers), timeout=30) as answer:
            return msgspec.msgpack.decode(answer.read(), type=RenewalAnswer)


def test_workers_are_seen_with_what_they_have_and_are_drained_by_keys_alone(furnished, open_page, look_well, axe):
    busy, idle = (
        Announced(furnished, "busy-1", slots=4, running=3, done=40, failed=17, taken_s=60.0, load=0.5),
        Announced(furnished, "idle-1", slots=2),
    )
    busy.renew()
    idle.renew()
    page = open_page("/installation/workers")
    row = page.get_by_role("row", name=re.compile(busy.name))
    expect(row).to_contain_text("3 of 4")
    for text in ("far", "heavy", "default", "works", HOSTILE, "40", "17", "1.5 s", "0.5"):
        expect(row.get_by_role("cell").filter(has_text=text).first).to_be_visible()
    expect(page.get_by_role("row", name=re.compile(idle.name))).to_contain_text("idle")
    assert page.locator("main img").count() == 0
    look_well(page, "installation-workers")

    page.get_by_role("button", name=f"Drain {busy.name}").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("leaves when the 3 that it has have ended")
    assert _found(page, axe) == []
    page.get_by_role("dialog").get_by_role("button", name="Drain").focus()
    page.keyboard.press("Enter")
    expect(row).to_contain_text("drains")
    expect(page.get_by_role("button", name=f"Drain {busy.name}")).to_have_count(0)
    assert (busy.renew().drain, idle.renew().drain) == (True, False)


@pytest.fixture
def held_by(furnished):
    """Gives a try of the DAG stock to a worker, in the database, as a server does at a claim."""

    def give(worker):
        with compose.installation(load_settings({}, furnished.folder)) as found:
            run, now = found.store.runs.find("stock", "holds"), found.now()
            offered = OfferedTry(
                "t-1", TaskKey(run.run, "count_shelves", -1), 99, "stock", "holds", "far", "heavy", b"", 60.0
            )
            found.store.remote_tries.offer([offered], "nobody", now)
            found.store.remote_tries.claim(["t-1"], "a-claim", worker, now)

    return give


def test_a_worker_leads_to_what_it_has_and_that_back_to_it(furnished, open_page, held_by):
    worker, other = Announced(furnished, "has-1", slots=2, running=1), Announced(furnished, "has-none", slots=2)
    worker.renew()
    other.renew()
    held_by(worker.name)
    page = open_page("/installation/workers")
    page.get_by_role("link", name=other.name).first.click()
    expect(page.get_by_role("heading", name=f"What {other.name} has")).to_be_visible()
    expect(page.get_by_text("Nothing.", exact=True)).to_be_visible()
    page.get_by_role("button", name="Show that of all").click()
    row = page.get_by_role("row", name=re.compile("stock · count_shelves"))
    row.get_by_role("link", name=worker.name).click()
    assert f"worker={worker.name}" in page.url
    row.get_by_role("link", name="stock · count_shelves").click()
    expect(page.get_by_role("heading", name=re.compile("count_shelves"))).to_be_visible()


def test_the_page_of_workers_shows_that_the_server_is_gone_and_goes_on_by_itself(furnished, open_page):
    worker = Announced(furnished, "stays-1", slots=2)
    worker.renew()
    page = open_page("/installation/workers")
    row = page.get_by_role("row", name=re.compile(worker.name))
    expect(row).to_contain_text("idle")
    page.evaluate("window.sameDocument = true")
    furnished.kill("server")
    expect(page.get_by_text(re.compile("^offline for"))).to_be_visible(timeout=20_000)
    expect(row).to_contain_text("idle")  # what was known stays to be seen
    furnished.serve()
    worker.renew(running=1, done=12_345)
    expect(row).to_contain_text("12345", timeout=20_000)
    expect(page.get_by_text(re.compile("^offline for"))).to_have_count(0)
    assert page.evaluate("window.sameDocument")


def test_a_viewer_sees_workers_and_drains_none(furnished, open_page):
    furnished.ask("POST", "/users", user="watcher", service=True, given={**READS_STOCK, "installation": True})
    secret = furnished.ask("POST", "/tokens", name="watches", user="watcher")["secret"]
    worker = Announced(furnished, "seen-1", slots=1)
    worker.renew()
    page = open_page("/installation/workers", secret=secret)
    expect(page.get_by_role("row", name=re.compile(worker.name))).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Drain"))).to_have_count(0)
