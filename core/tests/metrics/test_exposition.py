"""What Prometheus reads is what was measured, in both of its formats."""

import urllib.error
import urllib.request
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as plain_families

from penstock.metrics.exposition import Kept, Registry, exposed_name, exposition, sample_names, wants_openmetrics
from penstock.metrics.labels import OTHER, Labels
from penstock.metrics.metrics_table import CAPACITY, METRICS, RUN_DURATION, RUNS_FINISHED, TURN
from penstock.metrics.scrape import PrometheusSink
from penstock.metrics.series import OpenSeries, Record
from penstock.spec.metrics_sink import BOUNDS_S

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)


@st.composite
def records(draw):
    metric = draw(st.sampled_from(list(METRICS.values())))
    low = -1e9 if metric.kind == "gauge" else 0.0
    value = draw(st.floats(low, 1e9))
    return Record(metric.name, value, tuple(draw(TEXTS) for _ in metric.tags))


def registry(*groups):
    found, opened = Registry(), OpenSeries()
    for each in groups:
        opened.add(each)
        found.add(opened.take())
    return found


def samples(families):
    return {(each.name, *sorted(each.labels.items())): each.value for family in families for each in family.samples}


@given(st.lists(st.lists(records(), max_size=6), max_size=3))
def test_both_formats_say_the_same_and_the_official_parsers_read_them(groups):
    series = registry(*groups).series
    plain = samples(plain_families(exposition(series)))
    opened = samples(openmetrics_families(exposition(series, openmetrics=True)))
    assert plain == opened
    for (name, tags), kept in series.items():
        metric = METRICS[name]
        labels = [(tag, text.encode("utf-8", "replace").decode()) for tag, text in zip(metric.tags, tags, strict=True)]
        shown = f"{exposed_name(metric)}{ {'counter': '_total', 'gauge': '', 'timing': '_sum'}[metric.kind] }"
        assert (shown, *sorted(labels)) in plain
        if metric.kind == "timing":
            assert plain[(f"{exposed_name(metric)}_count", *sorted(labels))] >= kept.buckets[0]


def test_what_comes_is_added_up_but_for_gauges():
    turned = [Record(TURN.name, 0.25), Record(TURN.name, 9e9)]
    found = registry([Record(RUNS_FINISHED.name, 1, ("a", "success")), Record(CAPACITY.name, 4, ("local",)), *turned], [
        Record(RUNS_FINISHED.name, 2, ("a", "success")), Record(CAPACITY.name, 3, ("local",)), *turned])  # fmt: skip
    text = exposition(found.series)
    assert 'penstock_runs_finished_total{dag_id="a",state="success"} 3.0\n' in text
    assert 'penstock_executor_capacity{executor="local"} 3.0\n' in text
    assert 'penstock_scheduler_turn_seconds_bucket{le="0.25"} 2\n' in text
    assert 'penstock_scheduler_turn_seconds_bucket{le="+Inf"} 4\n' in text
    assert text.count("# TYPE") == 3


def test_bounds_are_written_alike_in_both_formats():
    text = exposition({(TURN.name, ()): Kept(1.0, (1,) * (len(BOUNDS_S) + 1))}, openmetrics=True)
    assert 'le="1.0"' in text
    assert "# UNIT penstock_scheduler_turn_seconds seconds\n" in text
    assert text.endswith("# EOF\n")


def test_a_name_has_its_unit_and_says_what_it_counts():
    assert sample_names(RUNS_FINISHED) == ("penstock_runs_finished_total",)
    assert sample_names(RUN_DURATION)[0] == "penstock_runs_duration_seconds_bucket"
    names = [name for each in METRICS.values() for name in sample_names(each)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1", True),
        ("application/openmetrics-text;q=0.3,text/plain;q=0.4", False),
        ("application/openmetrics-text;q=0,text/html", False),
        ("nonsense;;,;q=", False),
    ],
)
def test_the_format_is_what_the_reader_prefers(accept, openmetrics):
    assert wants_openmetrics(accept) is openmetrics


def test_dags_beyond_the_bound_count_together_and_that_is_counted():
    labels = Labels(2)
    given_ = [Record(RUNS_FINISHED.name, 1, (dag, "success")) for dag in ("a", "b", "c", "a", "d")]
    opened = OpenSeries()
    opened.add(labels.bounded([*given_, Record(TURN.name, 1), Record("nonsense", 1, ("x",))]))
    found = {(point.name, *point.tags.values()): point.value for point in opened.take()}
    assert found["runs.finished", "a", "success"] == 2
    assert found["runs.finished", OTHER, "success"] == 2
    assert found["metrics.collapsed", "dag_id"] == 2
    assert ("runs.finished", "c", "success") not in found


def test_an_address_answers_what_was_measured_in_the_format_that_is_asked_for():
    opened = OpenSeries()
    opened.add([Record(CAPACITY.name, 4, ("local",))])
    sink = PrometheusSink("127.0.0.1", 0, lambda series, openmetrics: exposition(series, openmetrics=openmetrics))
    url = f"http://127.0.0.1:{sink.port}"
    try:
        sink.write(opened.take(), NOW)
        with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert b'penstock_executor_capacity{executor="local"} 4.0\n' in answer.read()
        request = urllib.request.Request(f"{url}/metrics", headers={"Accept": "application/openmetrics-text"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
            assert answer.read().endswith(b"# EOF\n")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{url}/else", timeout=30)
    finally:
        sink.close()
