"""Dashboard and alert rules ask for what is exported: a name that was changed would show "No data", and alert nobody."""

import json
import re
import runpy
from pathlib import Path

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from penstock import DAG
from penstock.metrics.exposition import Registry, exposition
from penstock.metrics.metrics_table import METRICS
from penstock.metrics.series import OpenSeries, Record
from penstock.testing import run_dag

FOLDER = Path(__file__).parents[3] / "examples" / "monitoring"
_ADDED = {"instance", "job"}
_VARIABLES = re.compile(r"\$\{?\w+\}?")


@pytest.fixture(scope="module")
def exported():
    """The labels of each name that an installation exports that has measured one of everything."""
    opened, registry = OpenSeries(), Registry()
    opened.add(Record(each.name, 1.0, tuple("x" for _ in each.tags)) for each in METRICS.values())
    registry.add(opened.take())
    families = text_string_to_metric_families(exposition(registry.series))
    return {each.name: set(each.labels) for family in families for each in family.samples}


def dashboard():
    found = json.loads((FOLDER / "dashboard.json").read_text())
    for panel in found["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"], target["legendFormat"]


def rules():
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"], " ".join(rule["annotations"].values())


def parts(tree):
    """A parsed query, and all that it is made of."""
    yield tree
    for name in ("expr", "lhs", "rhs", "vector_selector"):
        if isinstance(inner := getattr(tree, name, None), promql_parser.Expr):
            yield from parts(inner)
    for each in getattr(tree, "args", None) or ():
        yield from parts(each)


def problems(query, shown, exported):
    """What a query, or the text beside it, asks for that nobody exports."""
    tree = promql_parser.parse(_VARIABLES.sub("5m", query))
    known = set()
    for part in parts(tree):
        if isinstance(part, promql_parser.VectorSelector):
            if part.name not in exported:
                yield f"no metric {part.name}"
                continue
            known |= exported[part.name]
            for matcher in part.matchers.matchers:
                if matcher.name not in exported[part.name] | _ADDED:
                    yield f"{part.name} has no label {matcher.name}"
    grouped = {
        label
        for part in parts(tree)
        if isinstance(part, promql_parser.AggregateExpr) and part.modifier is not None
        for label in part.modifier.labels
    }
    told = set(re.findall(r"\{\{\s*(?:\$labels\.)?([a-z_]+)\s*\}\}", shown))
    yield from (f"no label {label}" for label in sorted((grouped | told) - known - _ADDED))


def test_dashboard_and_rules_ask_for_what_is_exported(exported):
    asked = [*dashboard(), *rules()]
    assert len(asked) > 40
    assert {name: found for name, query, shown in asked if (found := list(problems(query, shown, exported)))} == {}


def test_every_metric_is_on_the_dashboard_or_in_a_rule(exported):
    asked = " ".join(query for _, query, _ in [*dashboard(), *rules()])
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exported}
    assert sorted(name for name in families if name not in asked) == []


@pytest.mark.parametrize(
    ("query", "shown", "told"),
    [
        ("rate(penstock_scheduler_beats_total[5m])", "", ["no metric penstock_scheduler_beats_total"]),
        ('penstock_pool_used{name="x"}', "", ["penstock_pool_used has no label name"]),
        ("sum by (queue) (penstock_pool_used)", "", ["no label queue"]),
        ("penstock_pool_used > 1", "{{ $labels.queue }}", ["no label queue"]),
        ("penstock_pool_used", "{{pool}}", []),
    ],
)
def test_the_comparison_finds_what_nobody_exports(query, shown, told, exported):
    assert list(problems(query, shown, exported)) == told


def test_each_rule_has_a_test_of_when_it_fires_and_when_not():
    cases = [
        (each["alertname"], bool(each.get("exp_alerts")))
        for case in yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]
        for each in case["alert_rule_test"]
    ]
    assert set(cases) == {(alert, fires) for alert, *_ in rules() for fires in (False, True)}


def test_each_rule_says_what_is_and_what_to_do():
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            assert set(rule["annotations"]) == {"summary", "action"}
            assert rule["labels"]["severity"] in {"critical", "warning", "info"}


def test_the_heartbeat_runs_and_is_the_dag_that_its_rule_asks_for():
    found = runpy.run_path(str(FOLDER.parent / "heartbeat" / "dags" / "heartbeat.py"))
    dags = [each for each in found.values() if isinstance(each, DAG)]
    assert [each.dag_id for each in dags] == ["heartbeat"]
    assert run_dag(dags[0]).state == "success"
    assert 'dag_id="heartbeat"' in dict(each[:2] for each in rules())["PenstockHeartbeatDagLate"]
