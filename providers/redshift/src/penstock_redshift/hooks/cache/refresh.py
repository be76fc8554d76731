"""Refreshes: one at a time of each relation, and many who ask at once are served by one.

Source: "REFRESH MATERIALIZED VIEW" of the documentation of PostgreSQL. All of a refresh is one transaction: a process that is killed in it
leaves the old content.
"""

# ruff: noqa: S608 - statements are built from names that are quoted and queries of the author's; values are parameters

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.hooks.cache.link import of_the_warehouse, renew_login
from penstock_redshift.hooks.cache.registry import Definition, State, hold
from penstock_redshift.hooks.cache.stage import STAGE, Changes, make_stage, merge, mirror
from penstock_redshift.hooks.cache.unloaded_files import UnloadFolder, fill
from penstock_redshift.hooks.literals import literal_of
from penstock_redshift.hooks.postgres import PostgresHook
from penstock_redshift.hooks.quoting import quoted
from penstock_redshift.hooks.redshift import RedshiftHook
from penstock_redshift.hooks.session import Session

MODES: Mapping[str, tuple[str, ...]] = {"view": ("full", "concurrent"), "table": ("full", "incremental")}


class RefreshRequest(NamedTuple):
    """What whoever asks for a refresh wants.

    Attributes:
        mode: One of `MODES`; what disturbs readers least and moves the fewest rows if "".
        max_staleness_s: A refresh that began to read at most so long before the question is new enough.
        overlap: How far below the watermark an incremental refresh begins: seconds of a time, or the distance of a number.
        files: Where rows go by way of files; None for the way through the foreign server.
    """

    mode: str = ""
    max_staleness_s: float = 0.0
    overlap: float = 600.0
    files: UnloadFolder | None = None


def refresh(postgres: PostgresHook, redshift: RedshiftHook, name: str, request: RefreshRequest) -> dict[str, Any]:
    """Refresh a relation, unless a refresh that satisfies the request was made meanwhile; returns what was done.

    Raises:
        penstock.errors.ProviderError: Of kind ``not_found``: it is not in the cache. Of kind ``invalid``: it has no such mode.
    """

    def work(session: Session) -> dict[str, Any]:
        asked = session.value("SELECT clock_timestamp() - make_interval(secs => %s)", [request.max_staleness_s])
        definition, state = hold(session, name)
        if state.as_of is not None and state.as_of >= asked:
            return {"name": name, "refreshed": False, "as_of": state.as_of.isoformat(), "rows": state.rows}
        return renew(postgres, redshift, session, definition, state, request)

    return postgres.transaction(work, operation="CacheRefresh", repeatable=True)


def renew(
    postgres: PostgresHook,
    redshift: RedshiftHook,
    session: Session,
    definition: Definition,
    state: State,
    request: RefreshRequest,
) -> dict[str, Any]:
    """Refresh a relation that the session's transaction holds."""
    mode = _mode(definition, state, request)
    if redshift.fields.iam and request.files is None:
        renew_login(postgres, redshift, definition.server)
    # the text of a watermark must be read back as the same value, and a wait for files is no idle transaction
    session.run("SET LOCAL datestyle TO ISO")
    session.run("SET LOCAL idle_in_transaction_session_timeout TO 0")
    started, as_of = time.monotonic(), session.value("SELECT clock_timestamp()")
    changes, watermark = None, state.watermark
    if definition.kind == "view":
        with of_the_warehouse(redshift, "CacheRefresh"):
            session.run(f"REFRESH MATERIALIZED VIEW {'CONCURRENTLY ' * (mode == 'concurrent')}{definition.sql_name}")
    else:
        changes, watermark = _refresh_table(session, redshift, definition, state, request, mode)
    rows = int(session.value(f"SELECT count(*) FROM {definition.sql_name}"))
    seconds = round(time.monotonic() - started, 3)
    session.run(
        "UPDATE penstock_cache.relations SET as_of = %s, watermark = %s, mode = %s, row_count = %s, seconds = %s,"
        " refreshes = refreshes + 1 WHERE name = %s",
        (as_of, watermark, mode, rows, seconds, definition.name),
    )
    done = {"name": definition.name, "refreshed": True, "mode": mode, "rows": rows, "seconds": seconds}
    return done | {"as_of": as_of.isoformat()} | (changes._asdict() if changes else {})


def _mode(definition: Definition, state: State, request: RefreshRequest) -> str:
    modes = MODES[definition.kind]
    if request.mode and request.mode not in modes:
        raise _invalid(
            definition, f"the mode {request.mode!r} is none of a {definition.kind}; it has {' and '.join(modes)}"
        )
    if request.files is not None and definition.kind == "view":
        raise _invalid(
            definition, "a materialized view is filled by its own query, and not by files; make a table of it"
        )
    least = {"view": bool(definition.keys), "table": bool(definition.incremental_key)}[definition.kind]
    if request.mode == modes[1] and not least:
        needed = {"view": "keys", "table": "keys and an incremental_key"}[definition.kind]
        raise _invalid(definition, f"the mode {request.mode!r} needs {needed}")
    mode = request.mode or (modes[1] if least else modes[0])
    # there is nothing to compare with, and no watermark to begin at
    return modes[0] if state.as_of is None else mode


def _refresh_table(
    session: Session, redshift: RedshiftHook, definition: Definition, state: State, request: RefreshRequest, mode: str
) -> tuple[Changes, str | None]:
    query = definition.query
    low = _low(session, definition, state, request) if mode == "incremental" else None
    if low is not None:
        key = quoted(definition.incremental_key)
        query = f"SELECT * FROM ({query}\n) AS source WHERE {key} >= {literal_of(low)}"
    make_stage(session, definition)
    if request.files is None:
        with of_the_warehouse(redshift, "CacheRefresh"):
            session.run(f"INSERT INTO {STAGE} SELECT * FROM {definition.remote(query, session)}")
    else:
        fill(session, redshift, definition, query, request.files)
    session.run(f"ANALYZE {STAGE}")
    changes = merge(session, definition) if mode == "incremental" else mirror(session, definition)
    return changes, _highest(session, definition, state.watermark if mode == "incremental" else None)


def _low(session: Session, definition: Definition, state: State, request: RefreshRequest) -> Any:  # noqa: ANN401 - a value of any ordered type
    """Where an incremental refresh begins; None for at the first row."""
    if state.watermark is None:
        return None
    kind = _type_of_key(definition)
    distance = "make_interval(secs => %s)" if kind.startswith(("date", "timestamp")) else "%s::numeric"
    return session.value(f"SELECT %s::{kind} - {distance}", (state.watermark, request.overlap))


def _highest(session: Session, definition: Definition, before: str | None) -> str | None:
    if not definition.incremental_key:
        return None
    kind, key = _type_of_key(definition), quoted(definition.incremental_key)
    found: str | None = session.value(f"SELECT greatest(%s::{kind}, max({key}))::text FROM {STAGE}", [before])
    return found


def _type_of_key(definition: Definition) -> str:
    return next(each.type for each in definition.columns if each.name == definition.incremental_key)


def _invalid(definition: Definition, detail: str) -> ProviderError:
    return ProviderError(
        f"{definition.name}: {detail}", service="postgres", operation="CacheRefresh", kind=ErrorKind.INVALID
    )
