"""Operations on assets: list and show them, read their events, tell of one that happened outside."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from penstock.engine.assets.asset_queue import AssetQueue
from penstock.engine.assets.asset_wait import why_no_run
from penstock.errors import NotFoundError, RequestError
from penstock.model.access.permission import Permission
from penstock.model.assets.asset_condition import ALIAS, AssetSpec
from penstock.model.assets.asset_use import AssetRole
from penstock.model.assets.event import LARGEST_EXTRA, AssetEvent
from penstock.model.history.audit import NOBODY, AskedBy, AuditAction
from penstock.model.names import check_conf, check_name
from penstock.model.request import ReportAssetEvent
from penstock.model.state import RunState
from penstock.service.assets.asset_access import require_of_asset
from penstock.service.assets.watchers import WatcherSummary, watchers_of
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation
from penstock.service.operations.page import Page, PagedList, PageSize
from penstock.store import DagRow


class AssetSummary(msgspec.Struct, frozen=True):
    """One line of the list of assets.

    Attributes:
        producers: The tasks whose success is an event of it, as ``dag.task``.
        readers: The tasks that read its events.
        consumers: The DAGs that wait for it.
        last: Its newest event; None if there is none.
        watched: Paths and URLs of files whose coming is an event of it.
    """

    asset: AssetSpec
    producers: list[str]
    readers: list[str]
    consumers: list[str]
    last: AssetEvent | None
    watched: list[str]


class WaitingAsset(msgspec.Struct, frozen=True):
    """An asset that a DAG waits for: how many events of it wait for a run, and since when."""

    asset: str
    waiting: int
    since: datetime | None


class DagWait(msgspec.Struct, frozen=True):
    """What a DAG waits for.

    Attributes:
        condition: As authors write it.
        reason: Why there is no run for the events that wait, as a sentence.
    """

    dag_id: str
    condition: str
    assets: list[WaitingAsset]
    reason: str


class AssetDetails(msgspec.Struct, frozen=True):
    """An asset, what it is watched for, and what each DAG that waits for it waits for."""

    summary: AssetSummary
    waits: list[DagWait]
    watchers: list[WatcherSummary]


_ASSETS, _EVENTS = PagedList("assets", str), PagedList("events of assets", int)


class AssetReport(msgspec.Struct, frozen=True):
    """What `report_event` did.

    Attributes:
        duplicate: Whether an event of this key is stored already, so that this one changes nothing.
    """

    asset: str
    key: str
    duplicate: bool


@operation("GET", "/assets", needs=Permission.DAGS_READ, subject="")
def list_assets(installation: Installation, *, after: str = "", limit: PageSize = 200) -> Page[AssetSummary]:
    """List a page of the assets that DAGs name, by URI; raises PageError or StoreError."""
    found = _summaries(installation, after=_ASSETS.key(after) or "", limit=limit + 1)
    return _ASSETS.page(found, limit, lambda each: each.asset.uri)


@operation("GET", "/assets/named", needs=Permission.DAGS_READ, subject="")
def show_asset(installation: Installation, name: str) -> AssetDetails:
    """Show an asset by its URI or its name; raises NotFoundError or StoreError."""
    summary = _summaries(installation, _find(installation, name).uri)[0]
    waits = [wait for dag_id in summary.consumers if (wait := dag_wait(installation, dag_id)) is not None]
    return AssetDetails(summary, waits, watchers_of(installation, summary.asset.uri))


@operation("GET", "/assets/events", needs=Permission.DAGS_READ, subject="")
def list_events(
    installation: Installation, name: str = "", *, after: str = "", limit: PageSize = 50
) -> Page[AssetEvent]:
    """List a page of events, newest first: of one asset, or of all if ``name`` is empty.

    Raises:
        NotFoundError: There is no such asset.
        PageError: No page ended with ``after``.
        StoreError: The database failed.
    """
    store = installation.store
    asset = _find(installation, name).uri if name else ""
    seen = None
    if not asset and (visible := installation.seen_dags()) is not None:
        seen = sorted({use.asset for use in store.assets.uses() if use.dag_id in set(visible)})
    found = store.assets.page(asset=asset, assets=seen, before=_EVENTS.key(after), limit=limit + 1)
    chosen, end = _EVENTS.cut(found, limit, lambda each: each.number)
    return Page(items=_shown(installation, chosen), next=end)


@operation("POST", "/assets/events", needs=Permission.ASSETS_WRITE, subject="")
def report_event(
    installation: Installation,
    name: str,
    *,
    extra: dict[str, Any] | None = None,
    key: str = "",
    by: AskedBy = NOBODY,
) -> AssetReport:
    """Tell of something that happened to an asset outside of any task: a file has come, a webhook was called.

    The event triggers the DAGs that wait for it, so that whoever tells of it may do so of each of them. A token that may do this alone,
    such as that of a webhook, needs the scope ``assets:write`` and no other.

    Args:
        installation: The installation.
        name: URI or name of the asset.
        extra: What the event carries.
        key: Names the event among those of its asset: of several of one key, whoever tells of them and however often, one counts.
        by: Who asks, for the audit.

    Raises:
        NotFoundError: No DAG names such an asset.
        ForbiddenError: A DAG waits for it that may not be triggered so.
        RequestError: The key or the extra cannot be kept, or it is an alias.
        StoreError: The database failed; nothing was done.
    """
    store, now, given = installation.store, installation.now(), dict(extra or {})
    uri = _find(installation, name, Permission.ASSETS_WRITE).uri
    require_of_asset(installation, Permission.ASSETS_WRITE, uri, AssetRole.SCHEDULE)
    if uri.startswith(ALIAS):
        raise RequestError(
            f"{uri} is an alias, which stands for assets of tasks. Tell of an event of the asset itself."
        )
    check_conf(given, "extra", LARGEST_EXTRA)
    if key:
        check_name("key", key)
    known = store.assets.keyed(uri, key) if key else None
    with store.transaction() as tx:
        # Sent on even if it is known: the scheduler counts it, and it alone says which of several came first.
        tx.submit([ReportAssetEvent(uri, given, key or None)], now)
        if known is None:
            tx.audit(by.entry(now, AuditAction.REPORT, subject=uri))
    return AssetReport(uri, key, known is not None)


def dag_wait(installation: Installation, dag_id: str) -> DagWait | None:
    """What a DAG waits for; None if it waits for no assets, or is not there. Raises StoreError."""
    store = installation.store
    row = store.dags.row(dag_id)
    if row is None or row.spec.schedule.assets is None:
        return None
    condition, taken = row.spec.schedule.assets, store.assets.taken(dag_id).get(dag_id, {})
    queue = AssetQueue(condition)
    queue.newest = store.assets.newest(condition.assets())
    # One that the scheduler has not taken up yet waits from now on.
    queue.taken = {asset: taken.get(asset, queue.newest[asset]) for asset in condition.assets()}
    awaited = []
    for asset in condition.assets():
        found = store.assets.waiting(asset, queue.taken[asset])
        awaited.append(WaitingAsset(asset, found.count, found.since))
    return DagWait(dag_id, str(condition), awaited, _why(row, queue))


def _why(row: DagRow, queue: AssetQueue) -> str:
    if not row.active:
        return "it is retired: no file defines it any more"
    active = row.runs.get(RunState.RUNNING, 0) + row.runs.get(RunState.QUEUED, 0)
    return why_no_run(row.dag_id, queue, paused=row.paused, active=active, limit=row.spec.max_active_runs)


def _summaries(
    installation: Installation, uri: str = "", *, after: str = "", limit: int | None = None
) -> list[AssetSummary]:
    store, visible = installation.store, installation.seen_dags()
    seen = None if visible is None else frozenset(visible)
    names: dict[str, dict[AssetRole, list[str]]] = {}
    watches = store.assets.watched.watchers(uri)
    for use in store.assets.uses(uri):
        if seen is not None and use.dag_id not in seen:
            continue
        name = f"{use.dag_id}.{use.task_id}" if use.task_id else use.dag_id
        names.setdefault(use.asset, {}).setdefault(use.role, []).append(name)
    found = []
    for spec in store.assets.declared([uri] if uri else (), after=after):
        if uses := names.get(spec.uri):
            makers, readers, waiting = (
                uses.get(each, []) for each in (AssetRole.OUTLET, AssetRole.INLET, AssetRole.SCHEDULE)
            )
            last = store.assets.page(asset=spec.uri, limit=1)
            watched = list(dict.fromkeys(each.path for each in watches.get(spec.uri, ())))
            shown = _shown(installation, last)
            found.append(AssetSummary(spec, makers, readers, waiting, shown[0] if shown else None, watched))
            if len(found) == limit:
                break
    return found


def _shown(installation: Installation, events: list[AssetEvent]) -> list[AssetEvent]:
    """Events as whoever asks may see them: without the task that made one, if its DAG may not be seen. Raises StoreError."""
    visible = installation.seen_dags()
    if visible is None:
        return events
    seen = {"", *visible}
    return [
        each if each.dag_id in seen else replace(each, dag_id="", run_id="", run=0, task_id="", map_index=-1)
        for each in events
    ]


def _find(installation: Installation, name: str, also: Permission = Permission.DAGS_READ) -> AssetSpec:
    """The asset of this URI or name that a DAG declares which may be seen, or of which something else may be done; raises NotFoundError."""
    store, visible, more = installation.store, installation.seen_dags(), installation.seen_dags(also)
    seen = None if visible is None or more is None else frozenset([*visible, *more])
    used = {use.asset for use in store.assets.uses(name) if seen is None or use.dag_id in seen}
    if name in used:
        return store.assets.declared([name])[0]
    used = {use.asset for use in store.assets.uses() if seen is None or use.dag_id in seen}
    declared = [spec for spec in store.assets.declared() if spec.uri in used]
    named = [spec for spec in declared if spec.name == name]
    if len(named) == 1:
        return named[0]
    known = [spec.uri for spec in declared]
    raise NotFoundError("asset", name, known, hint="`penstock assets list` shows all that DAGs name.")
