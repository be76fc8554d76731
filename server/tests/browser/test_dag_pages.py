"""What a DAG's page tells of its past and its future, on an installation that has some of both."""

import os
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from playwright.sync_api import expect

from penstock.app.compose import installation
from penstock.model.changes import Changes
from penstock.model.run import NewRun, Run, TaskInstance, Try
from penstock.model.schedule import DataInterval
from penstock.model.state import Outcome, RunState, TaskState
from penstock.settings import load_settings

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]

NIGHTLY = """
from datetime import UTC, datetime
from penstock import DAG, task

with DAG("nightly", schedule="@daily", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False):

    @task
    def load():
        return 1

    @task{more}
    def count(found):
        return found

    count(load())
"""
SECOND = NIGHTLY.replace(
    "    count(load())\n", "    @task\n    def report(found):\n        return found\n\n    report(count(load()))\n"
)
WIDE = """
from penstock import DAG, task

with DAG("wide"):
    for number in range(1_500):

        @task(task_id=f"t{number:04}")
        def nothing():
            pass

        nothing()
"""
RUNS = 40


def _add(store, dag, version, now, states, *, count, failed_day=3):
    """Runs of the days before now, each a little longer than the one after it; written as the scheduler writes them."""
    days = [now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=each + 2) for each in range(count)]
    new = [
        NewRun.manual(dag, f"day {day:%m-%d}", day, DataInterval(day, day + timedelta(days=1)), version=version)
        for day in days
    ]
    made = [each for each in store.apply(Changes(new_runs=new), now) if isinstance(each, Run)]
    changes = Changes()
    for number, run in enumerate(made):
        bad = number == failed_day
        end = now - timedelta(hours=1) + timedelta(seconds=30 + number)
        times = {"started_at": now - timedelta(hours=1), "ended_at": end}
        state = RunState.FAILED if bad else RunState.SUCCESS
        changes.runs.append(msgspec.structs.replace(run, state=state, **times))
        for task_id in states:
            one = TaskState.FAILED if bad else TaskState.SUCCESS
            changes.tasks.append(TaskInstance(run.run, task_id, -1, one, 1, 1, **times))
            if count < RUNS:
                outcome = Outcome.FAILED if bad else Outcome.SUCCESS
                changes.tries.append(Try(run.run, task_id, -1, 1, 1, "local", now, outcome=outcome, **times))
    store.apply(changes, now)


@pytest.fixture(scope="module")
def past(project):
    """A DAG of two versions with runs, and one that is wide."""
    dags = project.folder / "dags"
    dags.joinpath("nightly.py").write_text(NIGHTLY.format(more=""))
    dags.joinpath("wide.py").write_text(WIDE)
    project.until(lambda: {"nightly", "wide"} <= set(project.penstock("dags", "list").split()))
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PENSTOCK_")}
    with installation(load_settings(environ, project.folder)) as found:
        now = datetime.now(UTC)
        for dag, count in (("nightly", 12), ("wide", RUNS)):
            row = found.store.dags.row(dag)
            _add(found.store, dag, row.version, now, [task.task_id for task in row.spec.tasks], count=count)
    dags.joinpath("nightly.py").write_text(SECOND.format(more="(retries=3)"))
    project.until(lambda: project.penstock("dags", "versions", "nightly").count("\n") > 2)


@pytest.mark.usefixtures("past")
def test_the_past_and_the_future_of_a_dag_are_shown(open_page, look_well):
    page = open_page("/dags/nightly?tab=calendar")
    failed = page.get_by_role("link", name="1 failed")
    expect(failed).to_have_count(1)
    expect(page.get_by_role("table", name="The next runs, times in UTC")).to_contain_text("00:00 UTC")
    page.get_by_label("Zone").select_option("America/New_York")
    expect(page.get_by_role("table", name="times in America/New_York")).to_contain_text("UTC-")
    assert "zone=America%2FNew_York" in page.url
    look_well(page, "calendar")
    failed.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowDown")
    expect(failed).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("logical date from")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text("failed")
    look_well(page, "dag-runs-of-a-day")
    page.get_by_role("button", name="All dates").click()
    page.get_by_label("State").select_option("success")
    expect(page.locator("tbody tr").first).to_contain_text("success")
    assert page.url.endswith("?tab=runs&state=success")

    page.goto(page.url.split("?")[0] + "?tab=durations")
    expect(page.get_by_text("(8 of 10 successes)")).to_be_visible()
    page.get_by_role("button", name="count", exact=True).click()
    expect(page.get_by_role("heading", name="count")).to_be_visible()
    assert "task=count" in page.url
    look_well(page, "durations")

    page.goto(page.url.split("?")[0] + "?tab=versions")
    expect(page.get_by_text("1 task added, 0 removed, 1 changed")).to_be_visible()
    expect(page.get_by_role("region", name="Tasks")).to_contain_text("report")
    expect(page.get_by_role("region", name="Tasks")).to_contain_text('"retries":3')
    expect(page.get_by_label("Lines of nightly.py that differ")).to_contain_text("def report(found):")
    look_well(page, "versions")


@pytest.mark.usefixtures("past")
def test_a_backfill_is_planned_made_and_followed(open_page, project, look_well):
    page = open_page("/dags/nightly?tab=backfills")
    expect(page.get_by_text("No backfill yet")).to_be_visible()
    page.keyboard.press("b")
    page.get_by_label("First date").fill("2026-02-01T00:00")
    page.get_by_label("Last date").fill("2026-02-03T23:00")
    plan = page.get_by_label("What it would do")
    expect(plan).to_contain_text("3 dates: 3 run.")
    look_well(page, "backfill-plan")
    page.get_by_role("button", name="Run 3 dates").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    one = page.get_by_role("region", name="Backfill 1")
    expect(one).to_contain_text("3 success", timeout=30_000)
    expect(one).to_contain_text("finished")
    one.get_by_role("button", name="Dates").click()
    expect(one.get_by_role("table").get_by_role("link")).to_have_count(3)
    assert "backfill=1" in page.url
    look_well(page, "backfills")


@pytest.mark.usefixtures("past")
def test_a_grid_of_many_cells_costs_few_elements_few_requests_and_few_bytes(open_page):
    page = open_page("/dags")
    asked, answered = [], []
    page.on("request", lambda request: asked.append(request.url) if "/grid" in request.url else None)
    page.on("response", lambda answer: answered.append(len(answer.body())) if "/grid" in answer.url else None)
    page.goto(page.url + "/wide")
    cell = page.locator("[data-cell]").first
    expect(cell).to_be_visible()
    grid = page.get_by_role("grid")
    expect(grid).to_have_attribute("aria-rowcount", "1501")
    page.get_by_role("button", name="Older runs").click()
    expect(grid).to_have_attribute("aria-colcount", f"{RUNS + 1}")
    before = len(asked)
    grid.evaluate("(box) => { box.scrollTop = 20000; box.scrollLeft = 300; }")
    expect(page.get_by_role("rowheader", name="t0715")).to_be_visible()
    assert page.locator("main *").count() < 500
    painted = "new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size > 3"
    page.wait_for_function(f"() => {{ const canvas = document.querySelector('canvas'); return {painted}; }}")
    box = grid.bounding_box()
    page.mouse.move(box["x"] + box["width"] - 60, box["y"] + 200)
    expect(page.locator("a.over")).to_have_attribute("href", page.locator("a.over").get_attribute("href"))
    grid.evaluate("(box) => { box.scrollTop = 0; }")
    cell.focus()
    page.keyboard.press("End")
    page.keyboard.press("PageDown")
    expect(page.locator("[data-cell]:focus")).to_have_attribute("data-cell", f"15:{RUNS - 1}")
    assert len(asked) == before, "neither scrolling nor hovering asks for anything"
    assert max(answered) < 1_500 * (70 + RUNS) + RUNS * 400
