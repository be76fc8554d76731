"""Who runs tasks again, or marks them, sees before what that does."""

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(240)]

RUN = "/dags/orders/runs/again"


@pytest.fixture(scope="module")
def failed_run(project):
    """A run of its own that has failed: the other tests' run stays as it is."""
    project.penstock("dags", "trigger", "orders", "--run-id", "again")
    project.until(lambda: "failed" in project.penstock("runs", "show", "orders", "again"))


@pytest.mark.usefixtures("failed_run")
def test_what_would_run_again_and_what_a_mark_would_change_is_shown_and_then_done(open_page, project, look_well):
    page = open_page(RUN)
    expect(page.get_by_role("button", name="Run failed again")).to_be_visible()
    page.keyboard.press("f")
    would = page.get_by_label("What would run again")
    expect(would).to_contain_text("2 task instances would run again.")
    expect(would.get_by_text("extract")).to_have_count(0)
    look_well(page, "clear")
    page.get_by_label("Only what failed").uncheck()
    expect(would).to_contain_text("3 task instances would run again.")
    page.get_by_label("Only what failed").check()
    page.get_by_label("Why").fill("the file came late")
    page.get_by_role("button", name="Run 2 task instances again").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("row", name="failed check 2")).to_be_visible(timeout=20_000)
    assert "the file came late" in project.penstock("audit", "orders", "--run", "again")

    page.get_by_role("link", name="check", exact=True).click()
    expect(page.get_by_role("heading", name="check")).to_be_visible()
    expect(page.get_by_role("button", name="Mark")).to_be_visible()
    page.keyboard.press("c")
    page.get_by_label("Upstream").check()
    expect(would).to_contain_text("3 task instances would run again.")
    page.get_by_label("Runs").select_option("later")
    expect(would).to_contain_text("task instances would run again")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("m")
    changes = page.get_by_label("What would change")
    expect(changes.get_by_role("listitem").filter(has_text="check")).to_contain_text("failed")
    look_well(page, "mark")
    page.get_by_role("button", name="Mark as success").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("main .state").first).to_contain_text("success", timeout=20_000)
    project.until(lambda: "success" in project.penstock("runs", "show", "orders", "again"))
