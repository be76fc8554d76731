"""Machines ask how the installation is, and Prometheus what it does."""

import shutil
from types import SimpleNamespace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

import server_reference
from penstock.scheduler.heartbeat_file import SILENT_S, HeartbeatFile
from penstock_server.http.authenticator import OwnerToken
from penstock_server.http.health import health_routes


@pytest.fixture
def beats(installation):
    installation.store.role.acquire("penstock up", installation.now())
    installation.settings.state_folder.mkdir(exist_ok=True)
    return lambda: HeartbeatFile(installation.settings.state_folder).write(installation.clock.read().monotonic_s)


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_a_server_that_answers_is_live_and_ready_whoever_asks(call, path):
    call.token = ""
    assert call("GET", path).status == 200


def test_a_server_without_its_database_lives_and_is_not_ready(call, installation):
    installation.store.database.path.unlink()
    assert call("GET", "/health/live").status == 200
    answer = call("GET", "/health/ready")
    assert (answer.status, "database" in answer.json["detail"]) == (503, True)


@pytest.mark.parametrize(("free", "status"), [(1 << 20, 200), ((1 << 20) - 1, 503)])
def test_a_server_that_can_store_nothing_is_not_ready(call, installation, monkeypatch, free, status):
    installation.settings.state_folder.mkdir(exist_ok=True)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    answer = call("GET", "/health/ready")
    assert (answer.status, b"until there is room" in answer.body) == (status, status == 503)
    assert call("GET", "/health/live").status == 200


def test_the_health_of_the_scheduler_fails_while_its_loop_stands_still(call, installation, beats):
    beats()
    call.token = ""
    assert call("GET", "/health/scheduler").status == 200
    installation.clock.advance(SILENT_S + 1)
    answer = call("GET", "/health/scheduler")
    assert (answer.status, "has not come round for 26 s" in answer.json["detail"]) == (503, True)
    beats()
    assert call("GET", "/health/scheduler").status == 200


def test_without_a_scheduler_its_health_fails(call):
    answer = call("GET", "/health/scheduler")
    assert (answer.status, answer.json["detail"]) == (503, "No scheduler is running. Start it with `penstock up`.")


def test_metrics_are_for_who_may_see_the_installation(call):
    answer = call("GET", "/metrics", accept="application/openmetrics-text")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    names = {each.name for each in text_string_to_metric_families(answer.body.decode())}
    assert {"penstock_database_up", "penstock_queue_waiting"} <= names
    call.token = ""
    assert call("GET", "/metrics").status == 401


def test_scaling_says_by_queue_how_many_workers_are_wanted_to_who_may_know(call):
    answer = call("GET", "/scaling?tries_per_worker=4")
    assert (answer.headers["content-type"], answer.json["default"]["workers"]) == ("application/json", 0)
    assert "there is no parameter 'tries'" in call("GET", "/scaling?tries=4").json["detail"]
    assert call("GET", "/scaling?tries_per_worker=0").status == 422
    call.token = ""
    assert call("GET", "/scaling").status == 401


def test_the_workers_that_a_queue_wants_are_an_operation(call):
    [queue] = call("GET", "/api/v1/queues?tries_per_worker=4").json
    assert (queue["name"], queue["wanted"], queue["workers"]) == ("default", 0, 0)


def test_the_reference_names_each_of_these_routes(installation):
    assert {each.path for each in health_routes(installation, OwnerToken("a-secret"))} == set(server_reference.ROUTES)
