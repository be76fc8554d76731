"""What a person sees: each page of the UI in a real browser, over a scheduler and a server that run."""

import gzip
import os
import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from penstock_testkit.nightly import thinned

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(240)]

RUN = "/dags/orders/runs/first"
PAGES = {
    "dags": ("/", "orders"),
    "grid": ("/dags/orders", "check"),
    "dag-graph": ("/dags/orders?tab=graph", "extract"),
    "dag-runs": ("/dags/orders?tab=runs", "first"),
    "code": ("/dags/orders?tab=code", "from penstock import DAG, TaskGroup, task"),
    "dag-details": ("/dags/orders?tab=details", "shop.py"),
    "run": (RUN, "upstream failed"),
    "graph": (f"{RUN}?tab=graph", "check"),
    "gantt": (f"{RUN}?tab=gantt", "extract"),
    "run-details": (f"{RUN}?tab=details", "Data interval"),
    "log": (f"{RUN}/tasks/check", "the sums differ"),
    "tries": (f"{RUN}/tasks/check?tab=tries", os.uname().nodename),
    "xcom": (f"{RUN}/tasks/extract?tab=xcom", "120"),
    "rendered": (f"{RUN}/tasks/extract?tab=rendered", "Nothing was rendered"),
    "empty": ("/dags/a_dag_with_a_name_that_is_so_long_that_it_hardly_fits_into_a_line_of_any_table", "No run yet"),
    "no-dag": ("/dags/absent", "no DAG"),
    "no-page": ("/nothing/here", "There is no such page"),
}


LOOKS = [pytest.param(each, "light", 1280) for each in PAGES] + [
    pytest.param(*each)
    for each in (
        ("dags", "dark", 1280),
        ("grid", "dark", 1280),
        ("log", "dark", 1280),
        ("dags", "light", 390),
        ("grid", "light", 390),
    )
]


@pytest.mark.parametrize(("name", "theme", "width"), thinned(LOOKS, 4))
def test_a_page_shows_its_thing_and_keeps_nobody_out(name, theme, width, open_page, pictures, faults_of):
    path, text = PAGES[name]
    page = open_page(path, theme=theme, width=width)
    expect(page.locator("main").get_by_text(text).filter(visible=True).first).to_be_visible()
    page.screenshot(path=pictures / f"{name}-{theme}-{width}.png")
    assert faults_of(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_who_is_not_known_logs_in_and_comes_to_the_page_that_was_asked_for(open_page, project, faults_of):
    page = open_page("/dags/orders?tab=runs", token=False)
    page.get_by_role("button", name="By a token").click()
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("does not hold")
    assert faults_of(page) == []
    page.get_by_label("Token").fill(project.token())
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("link", name="first")).to_be_visible()
    assert page.url.endswith("/dags/orders?tab=runs")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Password")).to_be_visible()


def test_the_first_admin_is_made_by_a_link_once_and_logs_in_by_password(open_page, project, admin, faults_of):
    user, password, link = admin
    page = open_page(link.removeprefix(project.url), token=False)
    assert faults_of(page) == []
    page.get_by_label("User").fill("mallory")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Make the admin").click()
    expect(page.get_by_role("alert")).to_contain_text("This link was used")
    assert page.url == f"{project.url}/welcome"
    _log_in(page, project, user, "not the password")
    expect(page.get_by_role("alert")).to_contain_text("No user has this name and this password")
    assert faults_of(page) == []
    _log_in(page, project, user, password)
    expect(page.get_by_role("link", name="orders", exact=True)).to_be_visible()
    page.goto(f"{project.url}{RUN}/tasks/check")
    with page.expect_download() as log:  # by the cookie of the session
        page.get_by_role("link", name="Download").click()
    assert "the sums differ" in Path(log.value.path()).read_text()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.goto(f"{project.url}/dags")
    expect(page.get_by_label("Password")).to_be_visible()


def test_a_new_password_is_set_by_a_link_once(open_page, project, admin, faults_of, pictures):
    user, password, _ = admin
    link = project.penstock("users", "reset", user, "--url", project.url).strip()
    page = open_page(link.removeprefix(project.url), token=False)
    page.get_by_label("Password").fill(password)
    assert (faults_of(page), page.url) == ([], f"{project.url}/reset")
    page.screenshot(path=pictures / "reset.png")
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_role("link", name="orders", exact=True)).to_be_visible()
    again = open_page(link.removeprefix(project.url), token=False)
    again.get_by_label("Password").fill(password)
    again.get_by_role("button", name="Set the password").click()
    expect(again.get_by_role("alert")).to_contain_text("This link was used")


def _log_in(page, project, user, password):
    if not page.url.startswith(f"{project.url}/login"):
        page.goto(f"{project.url}/login")
    page.get_by_label("User").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


TOLD = "Changes are told as they happen"


def test_a_change_reaches_the_page_within_a_second_though_it_does_not_ask(open_page, project):
    page = open_page("/")
    page.add_init_script("window.setInterval = () => 0")
    page.reload()
    expect(page.get_by_title(TOLD)).to_be_visible()
    expect(page.get_by_role("button", name="Pause held", exact=True)).to_be_visible()
    assert any(_is_told_within_a_second(page, project) for _ in range(5)), (
        "a busy machine may be late, but not each time"
    )


def _is_told_within_a_second(page, project):
    project.penstock("dags", "pause", "held")
    paused = page.get_by_role("button", name="Unpause held", exact=True)
    began_s = time.monotonic()
    expect(paused).to_be_visible()
    took_s = time.monotonic() - began_s
    project.penstock("dags", "unpause", "held")
    expect(page.get_by_role("button", name="Pause held", exact=True)).to_be_visible()
    return took_s < 1


def test_a_page_goes_on_by_itself_when_the_server_was_killed_and_is_there_again(open_page, project, admin):
    page = open_page("/", secret=project.token_of_robot())
    page.evaluate("window.sameDocument = true")
    expect(page.get_by_title(TOLD)).to_be_visible()
    project.kill("server")
    expect(page.get_by_text(re.compile("^offline for"))).to_be_visible()
    project.penstock("dags", "pause", "held")
    project.serve()
    expect(page.get_by_role("button", name="Unpause held", exact=True)).to_be_visible()
    expect(page.get_by_title(TOLD)).to_be_visible()
    project.penstock("dags", "unpause", "held")
    expect(page.get_by_role("button", name="Pause held", exact=True)).to_be_visible()
    assert page.evaluate("window.sameDocument")


def test_keys_alone_lead_to_a_failed_task(open_page):
    page = open_page("/dags/orders")
    cell = page.locator("[data-cell]").first
    expect(cell).to_be_visible()
    cell.focus()
    while "check" not in page.evaluate("document.activeElement.getAttribute('aria-label')"):
        page.keyboard.press("ArrowDown")
        page.wait_for_function("document.activeElement.dataset.cell")
    page.keyboard.press("Enter")
    expect(page.get_by_role("log")).to_contain_text("ValueError: the sum differs by 12.40")
    page.locator("main").focus()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Jump to the first error")
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    expect(page.locator(".found")).to_contain_text("the sums differ")


def test_what_a_task_prints_is_text(open_page):
    page = open_page(f"{RUN}/tasks/extract")
    expect(page.get_by_role("log")).to_contain_text("<img src=x onerror=alert(1)> red")
    assert page.locator("[role=log] img").count() == 0
    expect(page.locator(".ansi-red")).to_have_text("red")


def test_times_are_of_the_readers_zone_and_say_utc_too(open_page):
    page = open_page("/dags/orders?tab=runs")
    shown = page.locator("main time").first
    expect(shown).to_have_attribute("title", re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$"))
    before = shown.inner_text()
    page.keyboard.press("z")
    expect(shown).not_to_have_text(before)
    assert shown.get_attribute("title") == f"{shown.inner_text()} UTC"


def test_a_dag_is_paused_and_the_list_filtered_by_the_address(open_page):
    page = open_page("/dags?only=paused")
    expect(page.get_by_text("No DAG is like that")).to_be_visible()
    page.get_by_role("button", name="All", exact=True).click()
    page.get_by_role("button", name="Pause orders", exact=True).click()
    page.get_by_role("button", name="Paused", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(1)
    assert "only=paused" in page.url
    page.get_by_role("button", name="Unpause orders", exact=True).click()
    expect(page.get_by_text("No DAG is like that")).to_be_visible()


def test_the_ui_takes_at_most_250_kilobytes_and_brings_its_licences(ui):
    files = [path for path in ui.rglob("*") if path.suffix in {".js", ".css", ".html", ".svg"}]
    assert files
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) <= 250_000
    assert "MIT" in (ui / "licences.md").read_text()
    assert not re.search(r"<script>|<style|style=", (ui / "index.html").read_text())


def test_the_sources_of_the_ui_are_well_typed_and_their_decisions_hold(ui, node):
    folder = ui.parent.parent.parent / "ui"
    node("npm", "run", "--silent", "check", folder=folder)
    node("npm", "test", "--silent", folder=folder)
