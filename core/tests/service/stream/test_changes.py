"""Whoever follows the changes learns of those alone that may be seen, and loses no place."""

from typing import get_args

import msgspec
import pytest

from penstock.errors import RequestError
from penstock.keeper.status import ServiceStatus, StatusFiles
from penstock.model.access.permission import Role
from penstock.model.access.principal import Grant, Principal, everywhere
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.feed.delta import (
    AssetDelta,
    AuditDelta,
    DagDeleted,
    DagDelta,
    Delta,
    FileDelta,
    HealthDelta,
    PoolsDelta,
)
from penstock.scheduler.executor_faults import ExecutorFaults
from penstock.service.config.variables import delete_variable, set_variable
from penstock.service.stream.changes import ChangeFollower, list_changes
from penstock.service.stream.report_watch import ReportWatch
from penstock.service.stream.sight import Sight

ANN = Principal("ann", (Grant(Role.VIEWER, dags=("sales",)),))
DELTAS = [
    DagDelta("sales"), DagDelta("stock"), FileDelta("sales.py", 1), PoolsDelta(),
]  # fmt: skip


@pytest.fixture
def changed(installation):
    """The position before some changes that are stored."""
    start = list_changes(installation)
    assert (start.deltas, start.reset) == ([], False)
    for delta in [
        *DELTAS,
        AssetDelta(1, "s3://a", installation.now()),
        AssetDelta(2, "s3://b", installation.now(), "stock"),
    ]:
        with installation.store.transaction() as tx:
            tx.add_deltas([delta], installation.now())
    return start.after


def test_the_owner_learns_of_all_a_page_at_a_time(installation, changed):
    first = list_changes(installation, after=changed, limit=4)
    second = list_changes(installation, after=first.after)
    assert first.deltas == DELTAS
    assert [each.asset for each in second.deltas] == ["s3://a", "s3://b"]
    assert list_changes(installation, after=second.after).deltas == []
    assert list_changes(installation, after=second.after).after == second.after


@pytest.mark.parametrize(
    ("grant", "kinds"),
    [
        (Grant(Role.VIEWER, dags=("sales",)), ["dag"]),
        (Grant(Role.OPERATOR, dags=("sales",), pools=("*",)), ["dag", "pools"]),
        (Grant(Role.OPERATOR, dags=("sales", "stock")), ["dag", "dag", "file"]),
        (Grant(Role.VIEWER, dags=("*",)), ["dag", "dag", "asset_event", "asset_event"]),
        (Grant(Role.OPERATOR, dags=("*",)), ["dag", "dag", "file", "asset_event", "asset_event"]),
    ],
)
def test_what_may_not_be_seen_is_left_out(installation, changed, grant, kinds):
    seen = list_changes(installation.seen_by(Principal("ann", (grant,))), after=changed)
    assert [each.__struct_config__.tag for each in seen.deltas] == kinds


def test_each_kind_of_delta_has_a_rule_and_one_without_is_seen_by_the_owner_alone(installation):
    assert set(Sight(installation)._rules) == set(get_args(Delta))
    made = msgspec.defstruct("Unheard", [("dag_id", str)], frozen=True)("sales")
    assert Sight(installation).sees(made)
    assert not Sight(installation.seen_by(Principal("ann", (everywhere(Role.ADMIN),)))).sees(made)


def test_a_dag_that_comes_or_gets_other_tags_is_looked_at_anew(installation, store, save):
    sight = Sight(installation.seen_by(Principal("ann", (Grant(Role.VIEWER, tags=("shop",)),))))
    seen = []
    for tags in ((), ("shop",), ()):
        save(store, [DagSpec("late", "sales.py", (TaskSpec("count"),), tags=tags)])
        sight.forget({"late"})
        seen += [sight.sees(DagDelta("late")), sight.sees(AuditDelta("late"))]
    assert seen == [False, False, True, True, False, False]


@pytest.mark.parametrize(
    ("grant", "told"),
    [
        (Grant(Role.VIEWER, tags=("shop",)), [DagDeleted("orders", ("shop",))]),
        (Grant(Role.VIEWER, dags=("sales",)), [DagDeleted("sales")]),
        (Grant(Role.ADMIN, dags=("other",), installation=True), [AuditDelta()]),
        (Grant(Role.EDITOR, dags=("sales",), variables=("team_*",)), [DagDeleted("sales"), AuditDelta()]),
    ],
)
def test_of_what_is_gone_or_was_set_learns_who_could_see_it(installation, grant, told):
    start = list_changes(installation).after
    with installation.store.transaction() as tx:
        tx.add_deltas([DagDeleted("orders", ("shop",)), DagDeleted("sales"), AuditDelta()], installation.now())
    assert list_changes(installation.seen_by(Principal("ann", (grant,))), after=start).deltas == told


def test_what_people_set_is_told_without_its_name(installation):
    start = list_changes(installation).after
    set_variable(installation, "secret_name", "v")
    delete_variable(installation, "secret_name")
    assert list_changes(installation, after=start).deltas == [AuditDelta(), AuditDelta()]


def test_a_place_that_is_lost_is_told_with_where_to_go_on(installation, changed):
    installation.store.feed.drop_before(installation.now().replace(year=2999))
    found = list_changes(installation, after=changed)
    assert (found.deltas, found.reset) == ([], True)
    assert list_changes(installation, after=found.after) == type(found)([], found.after)


@pytest.mark.parametrize(
    ("given", "sentence"), [({"after": "x"}, "no position"), ({"limit": 0}, "no length of a page")]
)
def test_what_cannot_be_followed_is_refused(installation, given, sentence):
    with pytest.raises(RequestError, match=sentence):
        list_changes(installation, **given)


def test_a_follower_reads_on_from_where_it_was(installation):
    follower = ChangeFollower(installation)
    try:
        start = follower.position()
        follower.moved()
        with installation.store.transaction() as tx:
            tx.add_deltas(DELTAS, installation.now())
        assert follower.moved()
        (row,) = follower.rows(start)
        assert list(row.deltas) == DELTAS
        assert list(follower.rows(row.position)) == []
    finally:
        follower.close()


def test_what_is_reported_into_files_is_told_once_and_only_if_it_says_something_else(tmp_path):
    files, reports = StatusFiles(tmp_path), ReportWatch(tmp_path)
    assert not reports.changed()
    (tmp_path / "services").mkdir()
    files.write(ServiceStatus("web", detail="one"))
    assert (reports.changed(), reports.changed()) == (True, False)
    files.write(ServiceStatus("web", detail="one"))
    assert not reports.changed(), "it was written anew, and says the same"
    ExecutorFaults(tmp_path, "far").add("it raised")
    assert reports.changed()
    ExecutorFaults(tmp_path, "far").clear()
    assert reports.changed()


@pytest.mark.parametrize(
    ("grant", "sees"),
    [
        (Grant(Role.ADMIN, dags=("*",)), False),
        (Grant(Role.VIEWER, installation=True), True),
    ],
)
def test_how_services_fare_is_told_to_who_may_ask_for_it(installation, grant, sees):
    viewer = installation.seen_by(Principal("ann", (grant,)))
    assert Sight(viewer).sees(HealthDelta()) is sees
