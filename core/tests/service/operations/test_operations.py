"""Every function of the service that a person can ask for is an operation, or is listed here with its reason."""

import importlib
import inspect
import pkgutil
import typing
from collections.abc import Iterator

import msgspec
import pytest

import penstock.service
from penstock.errors import NotFoundError
from penstock.model.access.permission import SCOPES, Permission, Role
from penstock.model.access.principal import Grant, Principal
from penstock.model.connection import Connection
from penstock.service import dags, runs
from penstock.service.assets.assets import list_assets, list_events
from penstock.service.backfills.backfills import list_backfills, show_backfill, start_backfill
from penstock.service.config import connections, pools, variables
from penstock.service.history.clears import clear_dates, clear_run
from penstock.service.operations.operation import SUBJECTS
from penstock.service.operations.table import operations

OWN = "It works on files and processes of the machine where it is called."
INNER = "It is a part of operations, which ask for permission."

NOT_SERVED = {
    "access.users.add_first_admin": "A link of the terminal lets one in, who is no user yet: the server's own door takes it.",
    "access.external_users.end_sessions_of": "The identity provider says who has logged out there: the server's own door hears it.",
    "access.external_users.external_user": "Whoever signs in is no user yet: the server's own door asks the identity provider.",
    "access.external_users.keep_teams": "Groups are told by the identity provider, which the server's own door asks.",
    "access.links.set_password_by_link": "It takes a hash, and whoever has a link is no user yet: the server's own door takes it.",
    "access.users.add_user_with_password": "It takes a hash, which a request must not bring: a user sets a password by a link.",
    "access.tokens.ensure_token": "It writes the token's secret into a file of the machine where it is called.",
    "access.users.find_user": INNER,
    "choices.task_bounds.why_unheld": INNER,
    "access.users.set_password": "It takes a hash, which a request must not bring: the server's own door takes passwords.",
    "database.admin.check_database": OWN,
    "database.copying.copy_whole_database": OWN,
    "database.admin.forget_secrets": OWN,
    "database.admin.rotate_keys": OWN,
    "asked.asked.ask": INNER,
    "assets.asset_access.require_of_asset": INNER,
    "assets.asset_access.seen_assets": INNER,
    "assets.assets.dag_wait": INNER,
    "assets.watchers.all_statuses": OWN,
    "assets.watchers.watchers_of": INNER,
    "backfills.backfills.create_backfill": INNER,
    "backfills.backfills.find_backfill": INNER,
    "reasons.pool_workers.why_not_begun": INNER,
    "reasons.preview.preview_changes": INNER,
    "reasons.preview.preview_marks": INNER,
    "clear.clear_tasks": INNER,
    "clear.preview_clear": INNER,
    "database.upgrades.pending_upgrade_of": OWN,
    "database.upgrades.upgrade_database": OWN,
    "doctor.clocks.check_clocks": INNER,
    "doctor.folders.check_folders": INNER,
    "doctor.value_store.check_value_store": INNER,
    "figures.bottlenecks.bottlenecks": INNER,
    "health.check_installation": OWN,
    "history.clear_dates.preview_clears": INNER,
    "history.marked_clears.with_marked": INNER,
    "history.seen_files.may_name_file": INNER,
    "history.seen_files.readable_files": INNER,
    "history.seen_files.seen_files": INNER,
    "history.versions.read_version": INNER,
    "local.run_locally.run_locally": OWN,
    "log_reading.log_files.log_file": INNER,
    "log_reading.log_files.log_reader": INNER,
    "logs.read_log": INNER,
    "names.index_of": INNER,
    "providers.hook_for": INNER,
    "retention.clock_doubt.clock_doubt": INNER,
    "schedulers.drain.running_tries": INNER,
    "schedulers.withheld.withheld": INNER,
    "values.kept_state.owner_of": INNER,
}
"""Functions of the service that are no operations, each with its reason."""


def taken() -> Iterator[tuple[str, typing.Any]]:
    """Every public function of the service that takes an installation, by its name below ``penstock.service``."""
    for module in pkgutil.walk_packages(penstock.service.__path__, "penstock.service."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if name.startswith("_") or not inspect.isfunction(value) or value.__module__ != module.name:
                continue
            first = next(iter(inspect.signature(value).parameters), "")
            if first == "installation":
                yield f"{module.name.removeprefix('penstock.service.')}.{name}", value


def test_what_a_person_can_ask_for_is_an_operation_or_has_a_reason():
    missing = {name for name, function in taken() if not hasattr(function, "operation")}
    assert missing - NOT_SERVED.keys() == set()
    assert NOT_SERVED.keys() - missing == set(), "a reason that nothing needs any more"


@pytest.mark.parametrize("operation", operations(), ids=lambda each: each.name)
def test_arguments_and_answers_are_values_of_the_wire(operation):
    hints = typing.get_type_hints(inspect.unwrap(operation.function), include_extras=True)
    hints.pop("installation")
    answer = hints.pop("return")
    if typing.get_origin(answer) is not Iterator:
        msgspec.json.schema(answer)
    for hint in hints.values():
        msgspec.json.schema(hint)
    named = {part[1:-1] for part in operation.path.split("/") if part.startswith("{")}
    assert named <= hints.keys()
    assert operation.function.__doc__


def test_what_reads_by_another_method_takes_no_one_who_asks():
    posted = {each.name: each.function.__wrapped__ for each in operations() if each.reads and each.method != "GET"}
    assert posted.keys() == {"plan_backfill", "test_connection", "send_test", "measure_provider"}
    assert all("by" not in inspect.signature(each).parameters for each in posted.values())


@pytest.mark.parametrize("operation", operations(), ids=lambda each: each.name)
def test_a_thing_that_a_path_names_is_what_the_permission_is_asked_of(operation):
    if operation.needs is None:
        return
    subject = SUBJECTS[SCOPES[operation.needs]]
    assert f"{{{subject}}}" not in operation.path or operation.subject == subject


NOBODY_HERE = Principal("ann", (Grant(Role.ADMIN, ("stock",), (), ("mine*",), ("mine*",), ("mine*",)),))


def test_lists_leave_out_what_another_team_has(installation):
    dags.trigger(installation, "sales", run_id="theirs")
    dags.trigger(installation, "stock", run_id="ours")
    for name in ("mine", "theirs"):
        connections.set_connection(installation, name, Connection(name, "http"))
        variables.set_variable(installation, name, "x")
        pools.set_pool(installation, name, 1)
    ours = installation.seen_by(NOBODY_HERE)
    assert [run.run_id for run in runs.list_runs(ours).items] == ["ours"]
    assert [each.conn_id for each in connections.list_connections(ours).items] == ["mine"]
    assert [each.key for each in variables.list_variables(ours).items] == ["mine"]
    assert [each.name for each in pools.list_pools(ours).items] == ["mine"]
    assert list_assets(ours).items == []
    assert list_events(ours).items == []
    tagged = installation.seen_by(Principal("bob", (Grant(Role.VIEWER, tags=("daily",)),)))
    assert [run.run_id for run in runs.list_runs(tagged).items] == ["theirs"]
    token = installation.seen_by(Principal("cat", NOBODY_HERE.grants, frozenset({Permission.POOLS_READ})))
    assert token.seen_dags() == []


def test_a_backfill_of_another_team_is_not_there(installation, now):
    started = start_backfill(installation, "sales", now.replace(hour=8), now.replace(hour=9))
    assert started.backfill.number == 1
    assert started.asked.number
    assert [each.backfill.number for each in list_backfills(installation).items] == [1]
    assert list_backfills(installation.seen_by(NOBODY_HERE)).items == []
    with pytest.raises(NotFoundError, match="no backfill is named '1'"):
        show_backfill(installation.seen_by(NOBODY_HERE), 1)


def test_a_dry_run_of_a_clear_tells_what_would_run_and_asks_for_nothing(installation, store, now):
    run = dags.trigger(installation, "sales", run_id="one", logical_date=now).run
    before = len(store.requests.pending())
    shown = clear_run(installation, "sales", "one", dry_run=True)
    assert (shown.asked, [each.run.run_id for each in shown.clears]) == (None, ["one"])
    assert len(store.requests.pending()) == before
    assert clear_dates(installation, "sales", now, now.replace(hour=23)).asked is None
    assert run.run_id == "one"
