"""What holds on every page, whatever people have written: nothing is wider than a phone, and the way through it needs keys alone."""

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]

LONG = "x" * 10_000
BACKWARDS = "\u202e" + "abc " * 50 + "\u05e9\u05dc\u05d5\u05dd" * 400
EMOJI = "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 2_000
TEXTS = (LONG, BACKWARDS, EMOJI)
NAME, USER = "n" * 250, "u" * 100

HOSTILE = f"""
from penstock import DAG, Asset, BashOperator, Param, task

LONG, BACKWARDS, EMOJI = {TEXTS!r}

with DAG(
    {NAME!r}, doc="".join((LONG, BACKWARDS, EMOJI)), default_args={{"owner": LONG[:200]}}, tags=["t" * 200, BACKWARDS[:50], EMOJI[:50]],
    params={{"p" * 200: Param("v" * 10_000, doc=LONG)}}, schedule=[Asset("file://" + "a" * 900)],
):

    @task(task_id={NAME!r}, retries=1, retry_delay=0, doc=LONG)
    def fails(**context):
        print(LONG, BACKWARDS, EMOJI, sep="\\n")
        context["ti"].xcom_push("k" * 250, [LONG, BACKWARDS, EMOJI])
        raise ValueError(f"{{context['ti'].try_number}} {{LONG}}{{BACKWARDS}}{{EMOJI}}")

    BashOperator(task_id="rendered", bash_command="echo {{{{ ti.try_number }}}} " + LONG[:5000] + "; exit 1", retries=1, retry_delay=0)
    fails()
"""


@pytest.fixture(scope="module")
def hostile(project):
    """A DAG, and something on each page of the installation, all of whose texts are as long as they may be and have no blank."""
    ask = project.ask
    project.folder.joinpath("dags", "hostile.py").write_text(HOSTILE)
    project.folder.joinpath("dags", f"{'f' * 200}.py").write_text("raise ValueError('" + LONG + "')\n")
    ask("PUT", f"/pools/{NAME}", slots=1, description=LONG)
    ask("PUT", f"/variables/{NAME}", value=LONG, description=EMOJI)
    ask("PUT", "/variables/backwards", value=BACKWARDS, description=BACKWARDS)
    odd = {
        "conn_id": NAME, "conn_type": "http", "host": LONG, "login": BACKWARDS, "description": EMOJI, "extra": {"e" * 250: LONG},
    }  # fmt: skip
    ask("PUT", f"/connections/{NAME}", connection=odd)
    ask("POST", "/teams", team=NAME, description=LONG)
    ask("POST", "/users", user=USER)
    ask("PUT", f"/teams/{NAME}/members/{USER}")
    of = {key: [NAME] for key in ("dags", "tags", "connections", "variables", "pools")}
    ask("POST", f"/teams/{NAME}/grants", given={"role": "viewer", "installation": False, **of})
    project.until(lambda: any(each["dag_id"] == NAME for each in ask("GET", "/dags", limit=1000)["items"]))
    ask("POST", f"/dags/{NAME}/runs", run_id=NAME, why=LONG)
    project.until(lambda: ask("GET", f"/dags/{NAME}/runs/{NAME}")["run"]["state"] == "failed")
    return project


DAG, RUN = f"/dags/{NAME}", f"/dags/{NAME}/runs/{NAME}"
TASK = f"{RUN}/tasks/{NAME}"
PAGES = (
    "/", "/?search=nnn", "/search", "/search?q=nnn", "/search?q=x",
    *(f"{DAG}?tab={tab}" for tab in ("", "graph", "runs", "calendar", "durations", "versions", "backfills", "code", "details")),
    *(f"{RUN}?tab={tab}" for tab in ("", "graph", "gantt", "details")),
    *(f"{TASK}?tab={tab}" for tab in ("", "tries", "xcom", "rendered")), f"{RUN}/tasks/rendered?tab=rendered",
    "/installation", *(f"/installation/{section}" for section in ("queues", "files", "providers", "connections", "variables")),
    "/installation/assets", "/installation/audit", "/installation/account", f"/installation/pools?pool={NAME}",
    f"/installation/users?user={USER}", f"/installation/teams?team={NAME}", f"/installation/assets?asset=file%3A%2F%2F{'a' * 900}",
    f"/dags/{LONG[:3000]}", f"/{LONG[:3000]}", "/login", "/welcome", "/reset",
)  # fmt: skip


def test_no_page_is_wider_or_much_longer_than_it_must_be_on_a_phone(hostile, open_page, pictures):
    page = open_page("/", width=360)
    wrong = {}
    for number, path in enumerate(PAGES):
        page.goto(hostile.url + path)
        expect(page.locator("main > *").first).to_be_visible()
        expect(page.locator("main [role=status]", has_text="Loading")).to_have_count(0)
        page.screenshot(path=pictures / f"everywhere-{number:02}-360.png")
        width, height = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        if width > 360 or height > 20_000:
            wrong[path[:80]] = (width, height)
    assert wrong == {}


@pytest.mark.usefixtures("hostile")
def test_two_tries_are_seen_side_by_side_with_what_differs_in_them(open_page, look_well):
    page = open_page(f"{RUN}/tasks/rendered?tab=tries")
    beside = page.get_by_role("region", name="Side by side")
    expect(beside.get_by_role("combobox")).to_have_count(2)
    logs = beside.get_by_role("log")
    expect(logs.nth(0)).to_contain_text("1 xxx")
    expect(logs.nth(1)).to_contain_text("2 xxx")
    beside.get_by_role("button", name="Rendered").click()
    assert "shows=rendered" in page.url
    expect(beside.get_by_role("row", name="differs").get_by_role("cell")).to_contain_text(
        ["bash_command", "echo 1", "echo 2"]
    )
    look_well(page, "side-by-side")
    beside.get_by_label("Try").nth(1).select_option(index=0)
    expect(beside.get_by_text("differs")).to_have_count(0)


def _tab_to(page, selector):
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
            return
    raise AssertionError(f"Tab leads to no {selector}")


def test_the_main_way_needs_keys_alone(open_page):
    page = open_page("/dags")
    expect(page.get_by_role("link", name="orders", exact=True)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Search by id")).to_be_focused()
    page.locator("main").focus()
    page.keyboard.press("s")
    expect(page.get_by_label("Search in everything")).to_be_focused()
    page.keyboard.type("orders")
    expect(page.get_by_role("region", name="DAGs").get_by_role("link")).to_be_visible()
    _tab_to(page, "a[href='/dags/orders']")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="orders")).to_be_visible()
    _tab_to(page, "a[href$='tab=runs']")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="first", exact=True)).to_be_visible()
    _tab_to(page, "a[href='/dags/orders/runs/first']")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="first")).to_be_visible()
    _tab_to(page, "a[href='/dags/orders/runs/first/tasks/check']")
    page.keyboard.press("Enter")
    expect(page.get_by_role("log")).to_contain_text("ValueError")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Run the task again")
    page.keyboard.press("Escape")
    for _ in range(2):
        page.go_back()
    expect(page.get_by_role("heading", name="orders")).to_be_visible()


def test_a_change_whose_answer_was_cut_off_is_done_once(open_page, project):
    def named():
        return [each["run_id"] for each in project.ask("GET", "/runs?dag_id=orders")["items"]]

    page, before, keys = open_page("/dags"), named(), []

    def cut(route):
        keys.append(route.request.headers["idempotency-key"])
        answer = route.fetch()
        route.abort() if len(keys) == 1 else route.fulfill(response=answer)

    page.route("**/api/v1/dags/orders/runs", cut)
    page.get_by_role("button", name="Trigger orders").click()
    button = page.get_by_role("dialog").get_by_role("button", name="Trigger", exact=True)
    button.click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("The server does not answer")
    button.click()
    expect(page.get_by_role("button", name="Run again")).to_be_visible()
    [made] = set(named()) - set(before)
    assert (page.url.endswith(f"/runs/{made.replace('+', '%2B').replace(':', '%3A')}"), len(set(keys))) == (True, 1)
    project.until(lambda: project.ask("GET", f"/dags/orders/runs/{made}")["run"]["state"] == "failed")
