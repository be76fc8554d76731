"""Plugin modules of providers hear what changes in a real installation, whatever one of them does."""

import os
import resource
import signal

import pytest

from penstock.store import ALERTS
from penstock_testkit.installations import Site

from .conftest import processes_running

MANIFEST = """
schema = 1
id = "{id}"
name = "{id}"
doc = "A provider."
spec = ">=1,<2"
imports = ["penstock_{id}"]
"""
HEARS = """
import os, sys, time
from pathlib import Path
from penstock.spec.plugin import hookimpl

def heard(change):
    with Path(__file__).with_name("heard.txt").open("a") as file:
        file.write(f"{getattr(change, 'task_id', 'run')} {change.previous} {change.state}\\n")

@hookimpl
def penstock_task_state_changed(change):
    BODY
    heard(change)

@hookimpl
def penstock_run_state_changed(change):
    heard(change)
"""
SMALL = """
with DAG("small", schedule=None):
    @task
    def a(): ...
    @task
    def b(): ...
    a() >> b()
"""
RUN = [
    "run queued running",
    *(f"a {change}" for change in ("none scheduled", "scheduled queued", "queued running", "running success")),
    *(f"b {change}" for change in ("none scheduled", "scheduled queued", "queued running", "running success")),
    "run running success",
]


class Providers:
    """A folder on the path of a project's processes, with providers that listen."""

    def __init__(self, project) -> None:
        self.folder = project.folder / "site"
        project.environ["PYTHONPATH"] = str(self.folder)

    def listener(self, name, body="pass", plugin=HEARS):
        manifest = MANIFEST.format(id=name) + (f'plugin = "penstock_{name}.plugin"\n' if plugin else "")
        Site(self.folder).provider(name, manifest=manifest, modules={"plugin": plugin.replace("BODY", body)})

    def heard(self, name):
        file = self.folder / f"penstock_{name}" / "heard.txt"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def site(project):
    return Providers(project)


def run_small(project, run_id="one"):
    project.trigger("small", run_id)
    assert project.wait_for_run("small", run_id) == "success"


def start(project):
    project.write("small.py", SMALL)
    project.up()
    project.wait_for_dags("small")


ASKS = "from penstock import Connection; print('got', Connection.get('svc').password, flush=True)"


def test_every_change_of_a_run_is_heard_in_order_and_no_secret_is_logged_on_both_databases(any_project):
    any_project.call("connections", "set", "svc", "http://user:very-secret-word@host/")
    site = Providers(any_project)
    site.listener("acme", body=ASKS)
    start(any_project)
    run_small(any_project)
    any_project.until(lambda: len(site.heard("acme")) >= len(RUN), "the last change")
    assert site.heard("acme") == RUN
    log = any_project.folder / ".penstock" / "logs" / "listeners.log"
    any_project.until(lambda: log.exists() and log.read_text().count("got ***") == 8, "what the listener prints")
    assert "very-secret-word" not in log.read_text()
    assert any_project.down() == 0
    assert any_project.processes() == []
    waiting = any_project.look(lambda store: {each.provider: each.waiting for each in store.outbox.listeners()})
    assert waiting == {"acme": 0, ALERTS: 0}


def test_with_none_but_a_silent_and_a_disabled_provider_there_is_no_notifier_and_nothing_is_written_for_it(
    project, site
):
    project.environ["PENSTOCK_DISABLED_PROVIDERS"] = "acme"
    site.listener("acme")
    site.listener("quiet", plugin="")
    start(project)
    run_small(project)
    assert processes_running(project, "penstock.app.notifier") == []
    assert project.look(lambda store: store.outbox.notices(0, 10)) == []


def test_a_killed_notifier_loses_no_change(project, site):
    site.listener("acme", body="time.sleep(0.1)")
    start(project)
    run_small(project)
    project.until(lambda: site.heard("acme"))
    (listener,) = processes_running(project, "penstock.app.listener")
    assert resource.prlimit(listener, resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY, "its memory is bounded"
    for _ in range(2):
        (notifier,) = processes_running(project, "penstock.app.notifier")
        os.kill(notifier, signal.SIGKILL)
        project.until(
            lambda old=notifier: (new := processes_running(project, "penstock.app.notifier")) and new != [old]
        )
    run_small(project, "two")
    project.until(lambda: site.heard("acme")[-1:] == RUN[-1:] and site.heard("acme").count(RUN[-1]) >= 2)
    heard = iter(site.heard("acme"))
    assert all(line in heard for line in RUN + RUN), "each change in its order, some of them again"
    assert "notifier was killed by SIGKILL (Killed)" in project.told()


BAD = {
    "raises": ('raise ValueError("no box")', "raised ValueError: no box"),
    "exits": ("sys.exit(3)", "raised SystemExit: 3"),
    "hangs": ("if change.task_id == 'a' and change.state == 'running': time.sleep(600)", "took longer than 5 s"),
    "dies": (
        "if change.task_id == 'b' and change.state == 'running': os._exit(7)",
        "its process ended with exit code 7 at it, 3 times in a row",
    ),
}


def test_listeners_that_go_wrong_harm_no_other_and_are_shown(project, site):
    project.environ["PENSTOCK_NOTIFIER__TIMEOUT_S"] = "5"
    for name, (body, _) in BAD.items():
        site.listener(name, body=body)
    site.listener("absent", plugin="import not_there_at_all")
    site.listener("zeta")
    start(project)
    run_small(project)
    project.until(lambda: site.heard("zeta") == RUN, "the sound listener")
    for name in BAD:
        project.until(
            lambda name=name: site.heard(name)[-1:] == RUN[-1:], f"the changes after the one at which it {name}"
        )
    project.until(lambda: project.look(lambda store: store.outbox.notices(0, 1)) == [], "the outbox to be empty")
    shown = {each["id"]: each["listener"] for each in project.json("providers", "list")}
    health = project.call("doctor", code=1)
    for name, (_, sentence) in BAD.items():
        assert sentence in shown[name]["failure"]
        assert shown[name]["failed"] == (8 if name in ("raises", "exits") else 1)
        assert sentence in health
        assert f"the provider {name!r} failed at state change" in project.told()
    assert (shown["zeta"]["failed"], shown["zeta"]["missed"]) == (0, 0)
    assert BAD["dies"][1] in project.call("providers", "show", "dies")
    assert (shown["absent"]["missed"], shown["absent"]["failed"]) == (len(RUN), 0)
    assert "not_there_at_all" in project.call("providers", "show", "absent")
    assert "not_there_at_all" in health
