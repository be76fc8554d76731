"""One installation that two teams share: whatever the one has, has its name in it, and each secret a text of its own."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec

from penstock.model.access.permission import Permission, Role
from penstock.model.access.principal import Grant, everywhere
from penstock.model.access.user import Token
from penstock.model.assets.asset_condition import AssetCondition, AssetSpec
from penstock.model.assets.event import NewAssetEvent
from penstock.model.changes import Changes
from penstock.model.connection import Connection
from penstock.model.dag import DagSpec, ParamSpec, TaskSpec
from penstock.model.history.audit import AskedBy, AuditAction
from penstock.model.history.quarantine import Quarantined, QuarantineKind
from penstock.model.remote.remote_try import WorkerStatus
from penstock.model.request import DagChanged, encode
from penstock.model.run import NewRun, Rendered, RunKind, TaskInstance, Try, XCom
from penstock.model.schedule import Schedule, ScheduleKind
from penstock.model.source import ParsedFile
from penstock.model.state import Outcome, RunState, TaskState
from penstock.model.values.value import Reference, refer
from penstock.plugins.host import PluginHost
from penstock.service import dags, logs
from penstock.service.access.grants import add_member, add_team, grant, grant_team
from penstock.service.access.principals import Principals
from penstock.service.access.tokens import PREFIX
from penstock.service.access.users import add_user, add_user_with_password, set_disabled
from penstock.service.backfills.backfills import start_backfill
from penstock.service.config.connections import set_connection
from penstock.service.config.pools import set_pool
from penstock.service.config.variables import set_variable
from penstock.service.installation import Installation
from penstock.service.values.kept_state import set_state
from penstock.settings import load_settings
from penstock.store import Keyring, LoaderCatalog, Store
from penstock.testing import FakeClock
from penstock.tries.vault import Vault
from penstock.tries.vault_sources import StoreSource

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
OURS, THEIRS = "amber", "quartz"
"""The teams: each of the other's names and texts would be known in an answer."""

SECRET = "sesame"
"""In each secret, and in nothing else."""

HASH = "$argon2id$v=19$m=8,t=1,p=1$c2VzYW1lLXNhbHQ$c2VzYW1lLWhhc2g"
"""Of no password that is known."""

SHARED_ASSET = "s3://shared/asset"
OWNER = "the-token-of-the-owner"


def team_grant(role: Role, team: str = OURS) -> Grant:
    return Grant(role, (f"{team}_*",), (), (f"{team}_*",), (f"{team}_*",), (f"{team}_*", "shared"))


INSTALLED = Grant(Role.VIEWER, installation=True)

PEOPLE: dict[str, tuple[tuple[Grant, ...], frozenset[Permission] | None]] = {
    "all_viewer": ((everywhere(Role.VIEWER),), None),
    "all_operator": ((everywhere(Role.OPERATOR),), None),
    "all_editor": ((everywhere(Role.EDITOR),), None),
    "all_admin": ((everywhere(Role.ADMIN),), None),
    "ours_viewer": ((team_grant(Role.VIEWER),), None),
    "ours_operator": ((team_grant(Role.OPERATOR),), None),
    "ours_editor": ((team_grant(Role.EDITOR),), None),
    "ours_admin": ((team_grant(Role.ADMIN),), None),
    "ours_looks": ((team_grant(Role.VIEWER), INSTALLED), None),
    "ours_tag": ((Grant(Role.ADMIN, tags=(OURS,)),), None),
    "granted_nothing": ((), None),
    **{f"only_{each.name.lower()}": ((everywhere(Role.ADMIN),), frozenset({each})) for each in Permission},
}
"""Who asks: the grants of each, and what its token is limited to."""

REFUSED = ("nobody", "wrong", "expired", "revoked", "disabled")
"""Who is not let in."""


def _spec(team: str) -> list[DagSpec]:
    asset = AssetSpec(f"s3://{team}/asset", f"{team}_asset", extra={"about": f"{team} extra"})
    shared = AssetSpec(SHARED_ASSET, "shared_asset")
    tasks = (
        TaskSpec(
            f"{team}_extract",
            outlets=(asset.uri, SHARED_ASSET),
            pool="shared",
            queue=f"queue_{team[0]}",
            doc=f"{team} doc",
        ),
        TaskSpec(
            f"{team}_load",
            upstream=(f"{team}_extract",),
            pool="shared",
            queue=f"queue_{team[0]}",
            inlets=(SHARED_ASSET,),
        ),
    )
    main = DagSpec(
        f"{team}_dag", f"{team}.py", tasks, start_date=datetime(2026, 1, 1, tzinfo=UTC), tags=(team,), tenant=f"tenant_{team[0]}",
        schedule=Schedule(ScheduleKind.CRON, crons=("0 * * * *",), text="@hourly"), doc=f"{team} doc",
        params={"customer": ParamSpec(f"{team} default")}, assets={each.uri: each for each in (asset, shared)},
    )  # fmt: skip
    parts = tuple(AssetCondition(each.uri) for each in (asset, shared))
    waits = DagSpec(
        f"{team}_waits", f"{team}.py", (TaskSpec(f"{team}_only"),), tags=(team,),
        schedule=Schedule(ScheduleKind.NONE, assets=AssetCondition(join="any", parts=parts)),
        assets={each.uri: each for each in (asset, shared)},
    )  # fmt: skip
    past = msgspec.structs.replace(main, dag_id=f"{team}_past", tasks=(TaskSpec(f"{team}_extract"),), assets={})
    return [main, waits, past, msgspec.structs.replace(past, dag_id=f"{team}_over")]


def _has(installation: Installation, team: str, snapshots: Any) -> None:
    """Everything that a team may have."""
    store, by = installation.store, AskedBy(f"{team}_person", f"{team} why", "192.0.2.1")
    catalog = LoaderCatalog(store, store.config.variable_values, lambda: NOW)
    catalog.save(
        ParsedFile(
            f"{team}.py", "snapshot", {f"{team}.py": "1"}, {f"{team}_read": "1"}, None, NOW, 0.1, tuple(_spec(team)), ()
        )
    )
    newer = tuple(msgspec.structs.replace(each, doc=f"{team} newer") for each in _spec(team))
    catalog.save(ParsedFile(f"{team}.py", "snapshot", {f"{team}.py": "1"}, {}, None, NOW, 0.1, newer, ()))
    catalog.save(
        ParsedFile(
            f"{team}.py", "snapshot", {f"{team}.py": "1"}, {}, None, NOW, 0.1, (), (f"{team}.py:3: {team} is broken.",)
        )
    )
    catalog.close()
    (snapshots / f"{team}.py").write_text(f"# {team} code\n")
    _configured(installation, team, by)
    _ran(installation, team, by)
    _is_over(installation.store, team)
    start_backfill(installation, f"{team}_past", NOW.replace(hour=8), NOW.replace(hour=9), by=by)
    set_state(installation, f"{team}_key", f'"{team} kept"', dag_id=f"{team}_dag", task_id=f"{team}_load", by=by)
    set_state(installation, f"{team}_key", f'"{team} kept"', asset=f"s3://{team}/asset", by=by)
    store.remote_workers.renew(WorkerStatus("a_worker", "an_executor", host="of-all-teams.example"), NOW)
    for number in (1, 2):
        store.quarantine.add(
            Quarantined(
                QuarantineKind.REQUEST,
                f"{team} {number}",
                f"{team} reason",
                NOW,
                body=encode(DagChanged(f"{team}_dag")),
            )
        )


def _configured(installation: Installation, team: str, by: AskedBy) -> None:
    set_connection(
        installation,
        f"{team}_conn",
        Connection(
            f"{team}_conn",
            "http",
            host=f"{team}.example",
            password=f"{SECRET}-{team}-conn",
            extra={"token": f"{SECRET}-{team}-extra"},
        ),
        by=by,
    )
    set_variable(installation, f"{team}_variable", f"{team} value", f"{team} description", by=by)
    set_variable(installation, f"{team}_password", f"{SECRET}-{team}-variable", by=by)
    set_pool(installation, f"{team}_pool", 2, f"{team} description", by=by)
    set_pool(installation, "shared", 1, by=by)


def _ran(installation: Installation, team: str, by: AskedBy) -> None:
    store, early = installation.store, NOW - timedelta(hours=1)
    run = dags.trigger(installation, f"{team}_dag", run_id=f"{team}_run", conf={"customer": f"{team} conf"}, by=by).run
    ended = msgspec.structs.replace(run, state=RunState.FAILED, started_at=early, ended_at=NOW, reason=f"{team} reason")
    extract, load = f"{team}_extract", f"{team}_load"
    store.apply(
        Changes(
            runs=[ended],
            tasks=[TaskInstance(run.run, task, -1, state, 1, 1, f"{team} reason", started_at=early, ended_at=NOW)
                   for task, state in ((extract, TaskState.SUCCESS), (load, TaskState.FAILED))],
            tries=[Try(run.run, task, -1, 1, 1, "local", early, early, NOW, outcome, f"{team} error")
                   for task, outcome in ((extract, Outcome.SUCCESS), (load, Outcome.FAILED))],
            xcoms=[XCom(run.run, extract, -1, f"{team}_xcom", f'"{team} value"'.encode()),
                   XCom(run.run, extract, -1, f"{team}_far", _far(installation, team))],
            rendered=[Rendered(run.run, extract, -1, 1, {"sql": f"select {team}"})],
            asset_events=[NewAssetEvent(asset, extra, key, f"{team}_dag", f"{team}_run", run.run, extract)
                          for asset, extra, key in ((f"s3://{team}/asset", {"file": f"{team} extra"}, f"{team}_key"),
                                                    (SHARED_ASSET, {"file": "orders"}, None))],
        ),
        NOW,
    )  # fmt: skip
    for task in (extract, load):
        for log in logs.task_logs(installation, f"{team}_dag", task, run_id=f"{team}_run"):
            log.path.parent.mkdir(parents=True, exist_ok=True)
            log.path.write_text(f"2026-03-01T12:30:15.123Z INFO {team}: {team} line\n")
    live = dags.trigger(installation, f"{team}_dag", run_id=f"{team}_live", logical_date=early, by=by).run
    going = msgspec.structs.replace(live, state=RunState.RUNNING, started_at=early)
    # Theirs holds the one slot that ours waits for.
    held = team == THEIRS
    state = TaskState.RUNNING if held else TaskState.SCHEDULED
    store.apply(
        Changes(
            runs=[going],
            tasks=[TaskInstance(live.run, extract, -1, state, int(held), int(held), queued_at=early, started_at=early if held else None),
                   TaskInstance(live.run, load, -1, TaskState.NONE)],
            tries=[Try(live.run, extract, -1, 1, 1, "local", early, early)] if held else [],
        ),
        NOW,
    )  # fmt: skip


def _is_over(store: Store, team: str) -> None:
    """A run of which nothing is asked but that it be deleted."""
    (over,) = store.apply(
        Changes(new_runs=[NewRun(f"{team}_over", f"{team}_over", RunKind.MANUAL, NOW, NOW, NOW)]), NOW
    )
    store.apply(Changes(runs=[msgspec.structs.replace(over, state=RunState.SUCCESS, ended_at=NOW)]), NOW)


def _far(installation: Installation, team: str) -> bytes:
    """A value that lies in a file."""
    return refer(Reference(f"{installation.settings.values_url}/{team}.json"))


def token_of(name: str) -> str:
    return f"{PREFIX}{SECRET}-token-of-{name}"


def fill(installation: Installation, snapshots: Any) -> None:
    """Everything that teams may have, and everybody who may ask."""
    for team in (THEIRS, OURS):
        _has(installation, team, snapshots)
    _give(installation)


def _give(installation: Installation) -> None:
    tokens = installation.store.access.tokens

    def token(name: str, only: frozenset[Permission] | None = None, ends: datetime | None = None) -> None:
        limits = None if only is None else tuple(only)
        made = Token(sha256(name.encode()).hexdigest()[:12], name, "walk", limits, NOW - timedelta(days=2), ends)
        tokens.add(
            made,
            sha256(token_of(name).encode()).digest(),
            AskedBy().entry(NOW, AuditAction.ADD, subject=f"token of {name}"),
        )

    for name, (grants, only) in PEOPLE.items():
        if name == "all_editor":
            add_user(installation, name, service=True)
        else:
            add_user_with_password(installation, name, HASH)
        for each in grants:
            grant(installation, name, each)
        token(name, only)
    for name in ("expired", "revoked", "disabled"):
        add_user(installation, name, given=everywhere(Role.ADMIN))
        token(name, ends=NOW - timedelta(days=1) if name == "expired" else None)
    tokens.remove(sha256(b"revoked").hexdigest()[:12], AskedBy().entry(NOW, AuditAction.REVOKE, subject="token"))
    set_disabled(installation, "disabled", disabled=True)
    for team in (OURS, THEIRS):
        add_user_with_password(installation, f"{team}_user", HASH)
        token(f"{team}_user")
        add_team(installation, f"{team}_team", f"{team} description")
        add_member(installation, f"{team}_team", f"{team}_user")
        grant_team(installation, f"{team}_team", team_grant(Role.VIEWER, team))
        Principals(installation).sign_in(f"{team}_user", "192.0.2.7")


def opened_at(folder: Any, key: str) -> tuple[Store, Installation]:
    store = Store.open(f"sqlite:///{folder}/.penstock/penstock.db", Keyring([key], "test"))
    return store, Installation(
        load_settings({"PENSTOCK_EXECUTOR__PARALLELISM": "2"}, folder),
        FakeClock(NOW),
        open_store=lambda _: store,
        find_plugins=lambda: PluginHost([]),
        open_vault=lambda store: Vault([StoreSource(store)]),
    )
