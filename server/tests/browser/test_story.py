"""A run that is followed from its trigger to its success without a reload, while the server is killed: over each database."""

import re

import pytest
from playwright.sync_api import expect

from penstock_testkit.nightly import nightly_but

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(240)]

HELD = """
import time
from pathlib import Path

from penstock import DAG, task

with DAG("held"):

    @task
    def hold():
        print("waiting for the door")
        while not Path("door").exists():
            time.sleep(0.02)
        print("the door is open")

    @task
    def leave():
        print("nobody is there any more")

    hold() >> leave()
"""


@pytest.fixture(params=nightly_but(["sqlite"], ["sqlite", "postgres"]))
def held(request, make_project):
    """A project with a task that waits for a door, its database new."""
    postgres = request.param == "postgres"
    environ = {"PENSTOCK_DATABASE__URL": request.getfixturevalue("postgres_url")} if postgres else {}
    made = make_project(f"held-{request.param}", **environ)
    made.penstock("init", "--no-example")
    with (made.folder / "penstock.toml").open("a") as settings:
        settings.write("\n[logs]\nindex = true\nchunk_s = 0.2\n")
    made.folder.joinpath("dags").mkdir(exist_ok=True)
    made.folder.joinpath("dags", "held.py").write_text(HELD)
    made.start("up", "up")
    made.serve()
    made.until(lambda: made.ask("GET", "/dags")["items"])
    yield made
    made.end()


def test_a_run_is_followed_from_trigger_to_success_without_a_reload_while_the_server_is_killed(held, browser):
    context = browser.new_context(viewport={"width": 1280, "height": 820})
    context.add_init_script(f"sessionStorage.setItem('penstock-token', '{held.token_of_robot()}')")
    page, faults = context.new_page(), []
    page.set_default_timeout(20_000)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(held.url)
    page.evaluate("window.sameDocument = true")
    page.get_by_role("button", name="Trigger held").click()
    page.get_by_role("dialog").get_by_role("button", name="Trigger", exact=True).click()
    page.get_by_role("link", name="hold", exact=True).click()
    log, state = page.get_by_role("log"), page.locator("main .state").first
    expect(log).to_contain_text("waiting for the door", timeout=20_000)
    held.kill("server")
    expect(page.get_by_text(re.compile("^offline for"))).to_be_visible(timeout=20_000)
    held.folder.joinpath("door").touch()
    held.serve()
    expect(log).to_contain_text("the door is open", timeout=20_000)
    expect(state).to_contain_text("success", timeout=20_000)
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    page.get_by_role("link", name="held", exact=True).click()
    for task in ("hold", "leave"):
        page.get_by_role("grid").get_by_role("row", name=task).hover()
    expect(page.get_by_role("columnheader", name="success")).to_be_visible(timeout=20_000)
    page.locator("[data-cell]").first.focus()
    expect(page.locator("[data-cell]:focus")).to_have_attribute("aria-label", re.compile("hold.*success"))
    page.get_by_role("columnheader", name="success").get_by_role("link").click()
    page.get_by_role("link", name="Graph").click()
    for task in ("hold", "leave"):
        expect(page.get_by_role("link", name=f"{task}: success")).to_be_visible()
    page.get_by_role("link", name="Search").click()
    page.get_by_label("Search in everything").fill("nobody is there")
    page.get_by_role("link", name=re.compile("nobody is there any more")).click()
    expect(page.locator(".found")).to_contain_text("nobody is there any more")
    assert page.evaluate("window.sameDocument"), "no page was loaded anew"
    assert faults == []
    context.close()
