"""Answers that gather from all DAGs hold nothing of those that may not be seen."""

import json

import pytest
from msgspec.structs import replace

from penstock.errors import ForbiddenError, NotFoundError
from penstock.model.access.permission import Permission, Role
from penstock.model.access.principal import Grant, Principal
from penstock.model.dag import AlertRule, DagSpec, TaskSpec
from penstock.model.state import AlertEvent
from penstock.service import dags
from penstock.service.alerts.alerts import list_alerts
from penstock.service.history.export import ExportKind, export_lines
from penstock.service.operations.page import every
from penstock.settings import load_settings
from penstock.store import NewAlert

LOOKS = Grant(Role.VIEWER, installation=True)
OURS = Principal("ann", (Grant(Role.ADMIN, ("stock",)), LOOKS))
SITE = """
[[alerts.rules]]
on = ["import_broken"]
to = "ops"
[notifiers.ops]
type = "smtp"
to = ["team@example.com"]
"""


def rule(to):
    return AlertRule((AlertEvent.TASK_FAILED,), (to,))


@pytest.fixture
def alerting(installation, store, save, now, tmp_path):
    """An installation of two teams: rules of DAGs and tasks, and messages that wait for a channel of each."""
    (tmp_path / "penstock.toml").write_text(SITE)
    installation.settings = load_settings({}, tmp_path)
    installation.settings.state_folder.mkdir()
    (installation.settings.state_folder / "penstock.db").touch()  # there is a database, wherever the store of tests is
    specs = []
    for dag_id in ("sales", "stock"):
        task = TaskSpec("load", alerts=(rule(f"mailto:{dag_id}@x.org"),))
        specs.append(DagSpec(dag_id, "sales.py", (task,), alerts=(rule("ops"), rule(f"mailto:{dag_id}@x.org"))))
    save(store, specs)
    waiting = [NewAlert(f"mailto:{dag_id}@x.org", f"key of {dag_id}", now, "{}") for dag_id in ("sales", "stock")]
    store.alerts.keep(waiting)
    return installation


def test_alerts_are_told_with_the_rules_of_dags_that_may_be_seen(alerting):
    whole = list_alerts(alerting)
    assert [(each.level, each.subject) for each in whole.items] == [
        ("installation", "*"),
        ("DAG", "sales"),
        ("DAG", "sales"),
        ("task", "sales.load"),
        ("DAG", "stock"),
        ("DAG", "stock"),
        ("task", "stock.load"),
    ]
    assert [(each.name, each.waiting) for each in whole.channels] == [
        ("mailto:sales@x.org", 1),
        ("mailto:stock@x.org", 1),
        ("ops", 0),
    ]
    ours = list_alerts(alerting.seen_by(OURS))
    assert [each.subject for each in ours.items] == ["*", "stock", "stock", "stock.load"]
    assert [each.name for each in ours.channels] == ["mailto:stock@x.org", "ops"]
    assert "sales" not in repr(ours)


def test_rules_are_listed_page_by_page(alerting):
    paged = every(lambda after: list_alerts(alerting, limit=1, after=after))
    assert list(paged) == list_alerts(alerting).items


@pytest.mark.parametrize("kind", [ExportKind.RUNS, ExportKind.TASKS, ExportKind.TRIES])
def test_an_export_has_the_dags_that_may_be_seen(installation, kind):
    for dag_id in ("sales", "stock"):
        dags.trigger(installation, dag_id, run_id=f"run of {dag_id}")
    ours = b"".join(export_lines(installation.seen_by(OURS), kind)).decode()
    assert "sales" not in ours
    if kind is ExportKind.RUNS:
        assert [json.loads(line)["dag_id"] for line in ours.splitlines()] == ["stock"]
    nothing = installation.seen_by(Principal("bob", (replace(OURS.grants[0], dags=("none*",)),)))
    assert b"".join(export_lines(nothing, kind)) == b""
    with pytest.raises(NotFoundError, match="no DAG is named 'sales'"):
        export_lines(installation.seen_by(OURS), kind, dag_ids=["sales"])


def test_an_export_of_the_audit_is_for_who_may_read_it(installation):
    with pytest.raises(ForbiddenError):
        export_lines(installation.seen_by(OURS), ExportKind.AUDIT)
    reader = Principal("eve", (Grant(Role.ADMIN, ("stock",), installation=True),), frozenset(Permission))
    assert b"".join(export_lines(installation.seen_by(reader), ExportKind.AUDIT)) == b""
