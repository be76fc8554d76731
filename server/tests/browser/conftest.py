"""An installation that runs, its server, and a browser that looks at it."""

import json
import os
import re
import signal
import time
import urllib.request
from pathlib import Path

import pytest

from penstock_testkit.commands.fork_server import penstock
from penstock_testkit.nightly import nightly_but

HERE = Path(__file__).parent

DAGS = """
import logging
import time
from datetime import UTC, datetime
from pathlib import Path

from penstock import DAG, TaskGroup, task

log = logging.getLogger("shop.orders")

with DAG("orders", tags=["shop"], doc="Loads orders.", params={"customer": "acme", "limit": 10}):

    @task
    def extract():
        log.info("read 120 rows")
        print("<img src=x onerror=alert(1)> \\x1b[31mred\\x1b[0m")
        return {"rows": 120}

    @task(retries=0)
    def check(found):
        log.error("the sums differ")
        raise ValueError("the sum differs by 12.40")

    checked = check(extract())
    with TaskGroup("publish"):

        @task
        def send(found):
            return found

        send(checked)

with DAG("held"):

    @task
    def hold():
        print("waiting for the door")
        while not Path("door").exists():
            time.sleep(0.02)
        print("the door is open")

    hold()

with DAG("a_dag_with_a_name_that_is_so_long_that_it_hardly_fits_into_a_line_of_any_table", tags=["long"]):

    @task
    def nothing():
        pass

    nothing()
"""


@pytest.fixture(scope="session")
def ui(ui_build):
    """The folder of the built UI."""
    ui_build.build()
    return ui_build.BUILT


@pytest.fixture(scope="session")
def axe(chromium):  # it brings the packages
    """The source of axe-core, which looks for what keeps people out."""
    return (HERE / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def pictures():
    """The folder of what the pages looked like, for people."""
    folder = HERE / "pictures"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def faults_of(axe):
    """Finds what keeps people out of a page."""

    def found(page):
        found = page.evaluate(axe + ";axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})")
        return [(each["id"], node["html"][:200]) for each in found["violations"] for node in each["nodes"]]

    return found


@pytest.fixture(scope="session")
def look_well(faults_of, pictures):
    """Takes pictures of a page in both colours and at the width of a phone: nothing keeps people out, nothing is too wide."""

    def look(page, name):
        size, shown = page.viewport_size, (("light", 1280), ("dark", 1280), ("light", 390))
        for theme, width in shown:
            page.emulate_media(color_scheme=theme)
            page.set_viewport_size({"width": width, "height": size["height"]})
            page.screenshot(path=pictures / f"{name}-{theme}-{width}.png")
            if width < 1280:
                assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            else:
                assert faults_of(page) == [], (name, theme)
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(size)

    return look


class Project:
    """A project whose scheduler runs, and whose server can be ended and started anew on the same port."""

    def __init__(self, folder, **environ):
        self.folder = folder
        self._environ = {**os.environ, **environ}
        self.url, self.admin = "", None
        self._programs = {}

    def penstock(self, *words):
        done = penstock().run(words, self.folder, self._environ, seconds=60)
        assert done.code == 0, f"{words}: {done.out}{done.err}"
        return done.out

    def start(self, name, *words):
        with (self.folder / f"{name}.out").open("wb") as out:
            self._programs[name] = penstock().start(words, self.folder, self._environ, output=out)

    def kill(self, name, number=signal.SIGKILL):
        os.killpg(self._programs[name].pid, number)
        self._programs.pop(name).wait(30)

    def serve(self):
        port = self.url.rpartition(":")[2] or "0"
        self.start("server", "server", "start", "--port", port)
        self.url = self.until(lambda: re.search(r"listening on (http://[^ ;]+)[;.] ", self.said("server")))[1]

    def said(self, name):
        return (self.folder / f"{name}.out").read_text(errors="replace")

    def until(self, look):
        deadline = time.monotonic() + 60
        while not (found := look()):
            assert time.monotonic() < deadline, {name: self.said(name) for name in self._programs}
            time.sleep(0.05)
        return found

    def link(self):
        return self.penstock("server", "link", "--url", self.url).strip()

    def token(self):
        return (self.folder / ".penstock" / "server.token").read_text()

    def token_of_robot(self):
        """A token of a user: the owner's is made anew whenever the server starts."""
        if "robot" not in self.penstock("users", "list"):
            self.penstock("users", "add", "robot", "--role", "admin", "--service")
        return max(self.penstock("tokens", "create", "robot", str(time.monotonic_ns())).split(), key=len)

    def ask(self, method, path, token="", **body):
        """What the API answers to a request of the owner, or of whoever has the token."""
        headers = {"Authorization": f"Bearer {token or self.token()}", "Content-Type": "application/json"}
        data = None if method in {"GET", "DELETE"} else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v1{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def end(self):
        for name in list(self._programs):
            self.kill(name, signal.SIGTERM)


@pytest.fixture(scope="module")
def make_project(tmp_path_factory, ui):
    """Makes folders for projects of a module's own, with more variables of the environment; at the end, none runs on."""
    made = []

    def make(name, **environ):
        made.append(Project(tmp_path_factory.mktemp(name), **environ))
        return made[-1]

    yield make
    for each in made:
        each.end()


@pytest.fixture(scope="session", params=nightly_but(["sqlite"], ["sqlite", "postgres"]))
def project(request, tmp_path_factory, ui):
    """A project with three DAGs, one of whose runs has failed."""
    made = Project(tmp_path_factory.mktemp(f"project-{request.param}"))
    made.penstock("init")
    with (made.folder / "penstock.toml").open("a") as settings:
        settings.write("\n[logs]\nindex = true\n")
        if request.param == "postgres":
            settings.write(f'\n[database]\nurl = "{request.getfixturevalue("postgres_server").create_database()}"\n')
    dags = made.folder / "dags"
    dags.mkdir(exist_ok=True)
    dags.joinpath("shop.py").write_text(DAGS)
    dags.joinpath("broken.py").write_text("from penstock import DAG\n\nwith DAG('broken'):\n    no_such_thing()\n")
    made.start("up", "up")
    try:
        made.until(lambda: "held" in made.penstock("dags", "list"))
        made.penstock("dags", "trigger", "orders", "--run-id", "first")
        made.until(lambda: "failed" in made.penstock("runs", "show", "orders", "first"))
        made.serve()
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def admin(browser, project):
    """The first admin's name and password, and the link that has made it, which counts once for all modules."""
    if project.admin:
        return project.admin
    link, context = project.link(), browser.new_context()
    page = context.new_page()
    page.goto(link)
    page.get_by_label("User").fill("ann")
    page.get_by_label("Password").fill("four words will do")
    page.get_by_role("button", name="Make the admin").click()
    page.get_by_role("heading", name="DAGs").wait_for()
    context.close()
    project.admin = ("ann", "four words will do", link)
    return project.admin


@pytest.fixture
def open_page(browser, project):
    """Opens a page of the UI as somebody who is logged in; at the end, nothing may have failed in it."""
    faults, contexts = [], []

    def opened(path, *, width=1280, theme="light", token=True, secret=""):
        context = browser.new_context(
            viewport={"width": width, "height": 820}, color_scheme=theme, timezone_id="Asia/Kathmandu"
        )
        contexts.append(context)
        if token:
            context.add_init_script(f"sessionStorage.setItem('penstock-token', '{secret or project.token()}')")
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
        page.on("dialog", lambda dialog: faults.append(f"dialog: {dialog.message}"))
        page.goto(project.url + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []
