"""What is stored of the past, as lines for other programs: as much as there is, and never more than a page of it in memory."""

import csv
import io
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from penstock.errors import ConfigError, NotFoundError, RequestError
from penstock.model.access.permission import Permission
from penstock.model.assets.event import AssetEvent
from penstock.model.history.audit import AuditEntry
from penstock.model.run import Run, TaskInstance, Try
from penstock.model.secret import secrets_in
from penstock.model.values.address_secrets import without_secrets_in_urls, without_url_secrets
from penstock.processes.masking import Mask, hide_values
from penstock.service.installation import Installation
from penstock.service.names import find_dag_state
from penstock.service.operations.content import Content, ContentFacts
from penstock.service.operations.operation import operation
from penstock.store import PastTry, Span
from penstock.tries.vault import Vault
from penstock.tries.vault_listing import list_connections, list_variables

_FREE = ("reason", "error", "conf", "extra", "subject", "why", "map_key")
"""Columns that hold what people and tasks have said: secrets are hidden in these."""
_OF_RUN = ("dag_id", "run_id")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a text begins with that a spreadsheet takes for a formula, full-width signs included."""


class ExportKind(StrEnum):
    """What a line is about."""

    RUNS = "runs"
    TASKS = "tasks"
    TRIES = "tries"
    AUDIT = "audit"
    ASSET_EVENTS = "asset-events"


class ExportFormat(StrEnum):
    """How a line is written."""

    JSONL = "jsonl"
    CSV = "csv"


_OUTLIVE = (ExportKind.AUDIT, ExportKind.ASSET_EVENTS)
"""Kinds whose lines may be about a DAG that was deleted."""

COLUMNS: Mapping[ExportKind, tuple[str, ...]] = {
    ExportKind.RUNS: Run.__struct_fields__,
    ExportKind.TASKS: (*_OF_RUN, *TaskInstance.__struct_fields__),
    ExportKind.TRIES: (*_OF_RUN, *Try.__struct_fields__, "late_outcome", "late_at"),
    ExportKind.AUDIT: ("number", *(name for name in AuditEntry.__struct_fields__ if name != "number")),
    ExportKind.ASSET_EVENTS: ("number", *(name for name in AssetEvent.__struct_fields__ if name != "number")),
}
"""The names of what each line has, in their order; every line has all of them."""


@operation("GET", "/export/{kind}", needs=Permission.DAGS_READ, subject="")
def export_lines(
    installation: Installation,
    kind: ExportKind,
    *,
    dag_ids: Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    form: ExportFormat = ExportFormat.JSONL,
) -> Iterator[bytes]:
    """Read what is stored, as pieces of whole lines of UTF-8, oldest first; of several DAGs, one DAG after the other.

    Of DAGs that may not be seen there is nothing in it; who may not see all of them gets the events of assets that tasks of
    those that may be seen have made. The audit is for who may read it. Secrets that the database and the environment hold are
    hidden in what people and tasks have said.

    Args:
        installation: The installation.
        kind: What is read.
        dag_ids: Of which DAGs; of all if none is named. Of events of assets, those that the DAGs' tasks have made.
        since: Only what was stored at this instant or later: of task instances and tries, their run.
        until: Only what was stored before.
        form: JSON, one object a line; or CSV (RFC 4180) with a line of names first, in which what is no plain value is JSON, and a text
            that a spreadsheet would take for a formula begins with a quotation mark.

    Raises:
        NotFoundError: There is no such DAG.
        ForbiddenError: The audit may not be read.
        RequestError: The span of time is empty.
        ConfigError: What is secret cannot be told.
        StoreError: The database failed.
    """
    if since is not None and until is not None and since >= until:
        raise RequestError(f"no instant is at or after {since.isoformat()} and before {until.isoformat()}.")
    spans = [Span(dag_id, since, until) for dag_id in _dags(installation, kind, dag_ids)]
    sight = _Sight(installation, kind, named=bool(dag_ids))
    pages = _pages(installation, kind, filter(sight.begins, spans))
    pieces = _written(pages, COLUMNS[kind], _secrets(installation.vault), form)
    return Content(ContentFacts(f"{kind}.{form}"), lambda _begin, _most: pieces, sight.still)


def _dags(installation: Installation, kind: ExportKind, named: Sequence[str]) -> Iterable[str]:
    """The DAGs of an export, each once; "" for all there are. Raises NotFoundError, ForbiddenError or StoreError."""
    if kind is ExportKind.AUDIT:
        installation.require(Permission.AUDIT_READ)
    seen = None if kind is ExportKind.AUDIT else installation.seen_dags()
    for dag_id in named:
        if kind not in _OUTLIVE:
            find_dag_state(installation.store, dag_id)
        if seen is not None and dag_id not in seen:
            raise NotFoundError("DAG", dag_id)
    return dict.fromkeys(named) or ([""] if seen is None else seen)


class _Sight:
    """Whether what is read may be seen still: an export may take long, and a DAG lose the tag by which it was seen."""

    def __init__(self, installation: Installation, kind: ExportKind, *, named: bool) -> None:
        self._installation, self._asks, self._named = installation, kind is not ExportKind.AUDIT, named
        self._dag_id = ""

    def begins(self, span: Span) -> bool:
        """Whether a DAG is read, which is the present one from then on; raises NotFoundError for one that was named."""
        self._dag_id = span.dag_id
        if not self._named and span.dag_id and self._asks:
            return self._installation.may(Permission.DAGS_READ, span.dag_id)
        self.still()
        return True

    def still(self) -> None:
        """Raise NotFoundError if the present DAG may not be seen any more; StoreError if the database failed."""
        if self._dag_id and self._asks:
            self._installation.require(Permission.DAGS_READ, self._dag_id)


def _pages(installation: Installation, kind: ExportKind, spans: Iterable[Span]) -> Iterator[list[dict[str, Any]]]:
    stored = installation.store.export
    rows: dict[ExportKind, Callable[[Span], Iterator[list[dict[str, Any]]]]] = {
        ExportKind.RUNS: lambda span: (list(map(_fields, runs)) for runs in stored.runs(span)),
        ExportKind.TASKS: lambda span: (
            [_of_run(names, task.run, _fields(task)) for task in tasks]
            for runs in stored.runs(span)
            for names in [{run.run: run for run in runs}]
            for tasks in stored.tasks(runs)
        ),
        ExportKind.TRIES: lambda span: (
            [_of_run(names, each.attempt.run, _try_fields(each)) for each in tries]
            for runs in stored.runs(span)
            for names in [{run.run: run for run in runs}]
            for tries in stored.tries(runs)
        ),
        ExportKind.AUDIT: lambda span: (list(map(_fields, entries)) for entries in stored.audit(span)),
        ExportKind.ASSET_EVENTS: lambda span: (list(map(_fields, events)) for events in stored.asset_events(span)),
    }
    for span in spans:
        yield from rows[kind](span)


def _fields(row: msgspec.Struct) -> dict[str, Any]:
    return msgspec.structs.asdict(row)


def _try_fields(past: PastTry) -> dict[str, Any]:
    return {**_fields(past.attempt), "late_outcome": past.late_outcome, "late_at": past.late_at}


def _of_run(runs: Mapping[int, Run], number: int, fields: dict[str, Any]) -> dict[str, Any]:
    return {"dag_id": runs[number].dag_id, "run_id": runs[number].run_id, **fields}


def _written(
    pages: Iterator[list[dict[str, Any]]], columns: Sequence[str], secrets: Collection[str], form: ExportFormat
) -> Iterator[bytes]:
    mask, encoder = Mask(secrets), msgspec.json.Encoder()
    if form is ExportFormat.CSV:
        yield _csv([columns])
    for page in pages:
        rows = [{name: row[name] for name in columns} for row in page]
        for row in rows:
            for name in _FREE:
                if row.get(name):
                    row[name] = _hidden(row[name], mask)
        if form is ExportFormat.JSONL:
            yield encoder.encode_lines(rows)
        else:
            yield _csv([list(map(_cell, msgspec.to_builtins(row).values())) for row in rows])


def _hidden(value: Any, mask: Mask) -> Any:  # noqa: ANN401 - any JSON value
    """A value without the secrets that are known, and without what stands under a secret name in it."""
    if isinstance(value, str):
        return without_url_secrets(mask.hide(value))
    return without_secrets_in_urls(_masked(hide_values(value, set(secrets_in(value))), mask))


def _masked(value: Any, mask: Mask) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return {key: _masked(inner, mask) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, mask) for inner in value]
    return mask.hide(value) if isinstance(value, str) else value


def _csv(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    # A spreadsheet would work out what somebody has written: https://owasp.org/www-community/attacks/CSV_Injection
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _secrets(vault: Vault) -> set[str]:
    """What must be hidden; a secrets backend is not asked, for what tasks got of it was hidden before it was stored."""
    near = Vault([source for source in vault.sources if not source.remote], vault.secrets)
    connections, variables = list_connections(near), list_variables(near)
    for failure in connections.failures + variables.failures:
        raise ConfigError(f"what is secret cannot be told, so nothing is exported: {failure}")
    found = [each.found for each in connections.things] + [each.found for each in variables.things]
    return {secret for each in found if each is not None for secret in each.secrets}
