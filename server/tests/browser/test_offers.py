"""What a page offers to do: what its reader may do, by keys alone, and still when the server was away."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def viewer(project):
    project.penstock("users", "add", "vic", "--role", "viewer", "--service")
    return max(project.penstock("tokens", "create", "vic", "reads").split(), key=len)


def test_a_viewer_is_offered_nothing_that_would_be_refused(open_page, viewer):
    page = open_page("/dags", secret=viewer)
    refused = []
    page.on("response", lambda answer: refused.append(answer.url) if answer.status == 403 else None)
    expect(page.get_by_role("link", name="orders", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^(Trigger|Pause|Unpause) "))).to_have_count(0)
    for path in ("/dags/orders", "/dags/orders/runs/first", "/dags/orders/runs/first/tasks/check"):
        page.goto(page.url.split("/dags")[0] + path)
        expect(page.get_by_role("navigation", name=re.compile("^Views"))).to_be_visible()
        expect(
            page.get_by_role("button", name=re.compile("^(Trigger$|Pause |Unpause |Run |Mark$|Cancel)"))
        ).to_have_count(0)
    assert refused == []


def test_who_is_granted_by_tags_is_offered_what_that_allows_and_nothing_of_other_dags(open_page, project):
    tagged = {"dags": [], "tags": ["shop"], "connections": [], "variables": [], "pools": [], "installation": False}
    sees = {**tagged, "dags": ["*"], "tags": [], "role": "viewer"}
    project.ask("POST", "/users", user="tess", service=True, given=sees)
    project.ask("POST", "/users/tess/grants", given={**tagged, "role": "operator"})
    secret = project.ask("POST", "/tokens", name="tagged", user="tess")["secret"]
    project.ask("POST", "/dags/held/runs", run_id="of-tags")
    page = open_page("/dags/orders/runs/first", secret=secret)
    expect(page.get_by_role("button", name="Run again")).to_be_visible()
    page.goto(f"{project.url}/dags/orders/runs/first/tasks/check")
    expect(page.get_by_role("button", name="Mark")).to_be_visible()
    changes = page.get_by_role("button", name=re.compile("^(Run |Mark$|Cancel|Make a backfill|Trigger)"))
    for path in ("runs/of-tags", "runs/of-tags/tasks/hold", "?tab=backfills"):
        with page.expect_response(lambda answer: answer.url.endswith("/dags/held")):
            page.goto(f"{project.url}/dags/held/{path}".replace("/?", "?"))
        expect(page.get_by_role("navigation", name=re.compile("^Views"))).to_be_visible()
        expect(changes).to_have_count(0)


def test_a_dag_is_paused_and_its_run_triggered_on_its_page_by_keys_alone(open_page):
    dag = "a_dag_with_a_name_that_is_so_long_that_it_hardly_fits_into_a_line_of_any_table"
    page = open_page(f"/dags/{dag}")
    page.get_by_role("button", name=f"Pause {dag}", exact=True).press("Enter")
    page.get_by_role("button", name=f"Unpause {dag}", exact=True).press("Enter")
    expect(page.get_by_role("button", name=f"Pause {dag}", exact=True)).to_be_visible()
    page.keyboard.press("r")
    expect(page.get_by_role("dialog").get_by_role("button", name="Trigger", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/runs/"))


def test_a_page_that_was_opened_while_the_server_was_away_is_there_once_it_is_back(open_page, project):
    page = open_page("/dags")
    expect(page.get_by_role("link", name="orders", exact=True)).to_be_visible()
    page.route("**/assets/**", lambda route: route.abort())
    project.kill("server")
    try:
        page.get_by_role("link", name="Search").click()
        expect(page.get_by_text(re.compile("^offline for"))).to_be_visible()
        page.wait_for_event("request", predicate=_probed)
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_event("request", predicate=_probed)
        assert not any("/api/" in url for url in asked), "it asks whether the server is back, and nothing else"
        page.unroute("**/assets/**")
    finally:  # all that come after this one need it
        project.serve()
    expect(page.get_by_role("heading", name="Search")).to_be_visible()
    expect(page.get_by_text("live", exact=True)).to_be_visible()


def test_a_page_on_which_nothing_asks_the_server_shows_that_it_is_away(open_page, project):
    page = open_page("/search")
    expect(page.get_by_role("heading", name="Search")).to_be_visible()
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    project.kill("server")
    try:
        expect(page.get_by_text(re.compile("^offline for"))).to_be_visible()
    finally:
        project.serve()
    expect(page.get_by_text("live", exact=True)).to_be_visible()


def _probed(request):
    return request.url.endswith("/health/live")


def test_a_phone_shows_what_one_does_with_a_dag_and_has_a_menu(open_page):
    page = open_page("/dags", width=375)
    trigger = page.get_by_role("button", name="Trigger orders")
    expect(trigger).to_be_visible()
    box = trigger.bounding_box()
    assert box["x"] + box["width"] <= 375
    assert page.locator("header").bounding_box()["height"] <= 90
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("button", name="System colours").click()
    expect(page.get_by_role("button", name="Light")).to_be_visible()
