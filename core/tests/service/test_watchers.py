"""What people are told of watchers, and what of them is old."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from penstock.model.assets.asset_condition import AssetSpec
from penstock.model.assets.file_watch import FileWatch
from penstock.service.assets.assets import list_assets, show_asset
from penstock.service.doctor.finding import Severity
from penstock.service.health import check_installation
from penstock.service.retention.sweep import RetentionSweep
from penstock.settings import RetentionSettings
from penstock.watchers.file_look import found_file
from penstock.watchers.watcher_status import WatcherStatus, keep_statuses

from .conftest import DAGS

WATCH = FileWatch("in/*")


@pytest.fixture
def watched(installation, save):
    """The installation with an asset that is watched for files of a folder."""
    tasks = (replace(DAGS[1].tasks[0], inlets=("orders",)),)
    orders = AssetSpec("orders", "orders", watchers=(WATCH,))
    save(installation.store, [replace(DAGS[1], tasks=tasks, assets={"orders": orders})])
    installation.settings.state_folder.mkdir()
    (installation.settings.state_folder / "penstock.db").touch()
    return installation


@pytest.mark.parametrize(
    ("status", "severity", "said"),
    [
        (None, Severity.NOTE, "nobody on this machine has looked yet"),
        ({"problem": "in cannot be looked at: Permission denied."}, Severity.BAD, "in/*: in cannot be looked at"),
        ({"note": "there is no folder in yet."}, Severity.OK, "1 watcher of assets"),
    ],
)
def test_what_a_watcher_cannot_see_is_shown_and_bad(watched, now, status, severity, said):
    if status is not None:
        found = WatcherStatus("orders", WATCH.path, now, **status)
        assert keep_statuses(watched.settings.state_folder, [found])
        assert show_asset(watched, "orders").watchers[0].status == found
    told = [
        (each.severity, each.detail) for each in check_installation(watched) if "asset" in each.subject + each.detail
    ]
    assert told[0][0] is severity
    assert told[0][1].startswith(said) or said in told[0][1]


def test_an_asset_is_shown_with_what_it_is_watched_for_and_what_was_told_of(watched, now):
    assert [each.watched for each in list_assets(watched).items] == [["in/*"]]
    [before] = show_asset(watched, "orders").watchers
    assert (before.reported, before.last, before.status) == (0, "", None)
    watched.store.assets.watched.report("orders", WATCH.path, [found_file("in/x", 1, "1")], now)
    [after] = show_asset(watched, "orders").watchers
    assert (after.watch, after.reported, after.last, after.reported_at) == (WATCH, 1, "in/x", now)


@pytest.mark.parametrize(("days", "left"), [(6, 1), (8, 0)])
def test_a_file_that_is_gone_is_remembered_for_a_week_at_least(watched, now, clock, days, left):
    watched.store.assets.watched.report("orders", WATCH.path, [found_file("in/x", 1, "1")], now)
    clock.advance(timedelta(days=days))
    for _ in RetentionSweep(watched, print, RetentionSettings(runs_days=1)).sweep():
        pass
    assert len(watched.store.assets.watched.known("orders", WATCH.path)) == left
