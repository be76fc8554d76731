"""What each operation is asked with, and what somebody is to be answered: worked out from the table of operations and from grants."""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from penstock.model.access.permission import SCOPES, Permission, Scope
from penstock.model.access.principal import Principal
from penstock.service.backfills.backfills import list_backfills
from penstock.service.installation import Installation
from penstock.service.operations.operation import Operation

READ = {
    Scope.DAG: Permission.DAGS_READ,
    Scope.CONNECTION: Permission.CONNECTIONS_READ,
    Scope.VARIABLE: Permission.VARIABLES_READ,
    Scope.POOL: Permission.POOLS_READ,
}
"""What shows somebody that a thing is there."""

OTHERWISE = {
    "show_provider": 404,  # none is installed
    "measure_provider": 404,  # as above
    "test_connection": 503,  # nor one whose hook this needs
    "search_logs": 422,  # logs are not indexed
    "find_index": 404,  # no task is mapped
    "send_test": 422,  # there is no such channel
    "drain": 422,  # no scheduler runs
    "drain_state": 404,  # so none was drained
}
"""What operations are answered with that are allowed, and cannot be done in this installation."""

ALSO_NEEDS = {
    "start_backfill": (Permission.DAGS_READ,),
    "set_backfill": (Permission.DAGS_READ,),
}
"""Permissions that operations ask for beside their own, as they do what other operations do."""

ANSWERED, FORBIDDEN, MISSING, UNKNOWN = 200, 403, 404, 401


class Asked(NamedTuple):
    """One request.

    Attributes:
        thing: What the permission is asked of; "" if it is asked of anything at all.
        words: What is said in it.
    """

    operation: Operation
    path: str
    body: dict[str, Any] | None
    thing: str
    words: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """What is asked, for messages."""
        return f"{self.operation.method} {self.path}"

    def with_name(self, name: str, written: str) -> str:
        """Its path with another name in place of one that the path has, written as it is."""
        names = self.operation.path.strip("/").split("/")
        parts = self.path.removeprefix("/api/v1/").split("/")
        return "/api/v1/" + "/".join(
            written if each == f"{{{name}}}" else part for each, part in zip(names, parts, strict=True)
        )

    def with_words(self, word: str) -> str:
        """Its path and query with another text for each word of them."""
        return re.sub(r"(?<=[=/])[^=/?&]*(amber|new)[^=/?&]*", quote(word, safe=""), self.path)

    def without_own_words(self, text: str) -> str:
        """A text without what whoever asks has said."""
        for each in sorted(self.words, key=len, reverse=True):
            text = text.replace(each, "")
        return text


def _quarantined(installation: Installation, team: str) -> list[int]:
    return [each.number for each in installation.store.quarantine.all() if team in each.subject]


def _backfill(installation: Installation, team: str) -> dict[str, Any]:
    started = list_backfills(installation, dag_id=f"{team}_past").items
    return {"number": started[0].backfill.number, "state": "paused"}


Made = Callable[[Installation, str], dict[str, Any]]
_BELOW: dict[str, Made] = {
    "/variables": lambda _, team: {"key": f"{team}_variable"},
    "/state": lambda _, team: {"key": f"{team}_key", "task_id": f"{team}_load"},
    "/pools": lambda _, team: {"name": f"{team}_pool"},
    "/workers": lambda _, _team: {"name": "a_worker"},
    "/assets": lambda _, team: {"name": f"s3://{team}/asset"},
    "/backfills": _backfill,
    "/grants": lambda i, team: {"number": i.store.access.users.team_grants(f"{team}_team")[0].number},
    "/sessions/": lambda i, team: {"session_id": i.store.access.sessions.page(f"{team}_user")[0].session_id},
    "/tokens/": lambda i, team: {"token_id": i.store.access.tokens.page(f"{team}_user")[0].token_id},
}
"""Values of operations whose path begins so."""

_BY_NAME: dict[str, Made] = {
    "pause": lambda *_: {"paused": False},  # all were paused before it
    "clear_dates": lambda *_: {"since": "2026-03-01T00:00:00Z", "until": "2026-03-02T00:00:00Z"},
    "add_user": lambda _, team: {"user": f"{team}_new"},
    "add_team": lambda _, team: {"team": f"{team}_new"},
    "cancel_run": lambda _, team: {"run_id": f"{team}_live"},
    "mark_run": lambda _, team: {"run_id": f"{team}_live"},
    "delete_dag": lambda _, team: {"dag_id": f"{team}_waits", "history_only": True},  # which no run uses
    "export_lines": lambda *_: {"kind": "runs"},
    "prune": lambda *_: {"runs_days": 36_000},
    "drain_state": lambda *_: {"number": 1},
    "asked_state": lambda i, team: {"number": i.store.audit.page(dag_id=f"{team}_past", limit=1)[0].number},
    "send_test": lambda *_: {"channel": "new"},
    "delete_runs": lambda _, team: {
        "dag_id": f"{team}_over",
        "run_ids": [f"{team}_over"],
    },  # of which nothing else is asked
    "retry_quarantined": lambda i, team: {"number": _quarantined(i, team)[0]},
    "drop_quarantined": lambda i, team: {"number": _quarantined(i, team)[1]},
}


def _values(installation: Installation, operation: Operation, team: str) -> dict[str, Any]:
    """Values of parameters, by name: each names a thing of the team."""
    values: dict[str, Any] = {
        "dag_id": f"{team}_dag", "run_id": f"{team}_run", "task_id": f"{team}_extract", "conn_id": f"{team}_conn",
        "user": f"{team}_user", "team": f"{team}_team", "dag_ids": [f"{team}_dag"], "provider_id": "nothing", "name": "new", "named": "-1",
        "kind": "dag", "dispatch": 1, "external": f"https://{team}.example 1",
        "paused": True, "disabled": True, "slots": 3, "value": '"new"', "words": ["new"], "text": "_", "description": "new",
        "since": "2026-02-01T00:00:00Z", "until": "2026-02-01T02:00:00Z", "given": {"role": "viewer", "dags": ["new"]},
        "connection": {"conn_id": f"{team}_conn", "conn_type": "http"}, "state": "success",
    }  # fmt: skip
    for below, made in _BELOW.items():
        if operation.path.startswith(below):
            values |= made(installation, team)
    return values | _BY_NAME.get(operation.name, lambda _installation, _team: {})(installation, team)


ALSO = {
    "show_state": ("dag_id", "task_id"),
    "set_state": ("dag_id", "task_id"),
    "delete_state": ("dag_id", "task_id"),
    "delete_dag": ("history_only",),
    "delete_runs": ("run_ids",),
    "prune": ("runs_days",),
    "create_token": ("user",),
}
"""Parameters that an operation can do without, and has to be told all the same."""


def asked(installation: Installation, operation: Operation, team: str) -> Iterator[Asked]:
    """The requests by which an operation is asked for a team's things: with what it needs, and with what its permission is asked of."""
    values = _values(installation, operation, team)
    parameters = [
        p for p in list(inspect.signature(inspect.unwrap(operation.function)).parameters.values())[1:] if p.name != "by"
    ]
    needed = {p.name for p in parameters if p.default is p.empty or f"{{{p.name}}}" in operation.path}
    needed |= set(ALSO.get(operation.name, ()))
    several = [needed]
    if any(p.name == operation.subject for p in parameters) and operation.subject not in needed:
        several.append(needed | {operation.subject})
    for names in several:
        lacking = sorted(names - values.keys())
        assert not lacking, f"{operation.name}: the walk has no value for {lacking}; add one to _values of {__file__}"
        given = {name: values[name] for name in sorted(names)}
        yield _request(operation, given, _thing(operation, given, team))


def _thing(operation: Operation, given: dict[str, Any], team: str) -> str:
    if operation.subject and operation.subject in given:
        return str(given[operation.subject])
    # A backfill and an asset are seen, and changed, by whoever may do so with their DAG.
    of_dag = operation.path.startswith(("/backfills/", "/assets/")) and {"number", "name"} & given.keys()
    return f"{team}_dag" if of_dag or ("dag_ids" in given and not operation.reads) else ""


def _request(operation: Operation, given: dict[str, Any], thing: str) -> Asked:
    path, rest = operation.path, dict(given)
    words = tuple(str(each) for each in _leaves(given))
    for name in given:
        if f"{{{name}}}" in path:
            path = path.replace(f"{{{name}}}", quote(str(rest.pop(name)), safe=""))
    if operation.method in ("POST", "PUT", "PATCH"):
        return Asked(operation, f"/api/v1{path}", rest, thing, words)
    query = urlencode(rest, doseq=True)
    return Asked(operation, f"/api/v1{path}{'?' * bool(query)}{query}", None, thing, words)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    else:
        yield value


def expected(request: Asked, principal: Principal, tags: tuple[str, ...]) -> int:
    """The status that somebody is to be answered with.

    Args:
        request: What is asked.
        principal: Who asks.
        tags: Of the DAG that is asked of, if one is.
    """
    operation, needs = request.operation, request.operation.needs
    if needs is None:
        return _of_own(request, principal)
    allowed = OTHERWISE.get(operation.name, ANSWERED)
    if not request.thing:
        return allowed if principal.may_somewhere(needs) else FORBIDDEN
    if principal.may(needs, request.thing, tags):
        also = [each for each in ALSO_NEEDS.get(operation.name, ()) if not principal.may(each, request.thing, tags)]
        return allowed if not also else MISSING if READ[SCOPES[needs]] in also else FORBIDDEN
    if not operation.subject and not principal.may_somewhere(needs):
        return FORBIDDEN  # whatever is asked of
    return FORBIDDEN if principal.may(READ[SCOPES[needs]], request.thing, tags) else MISSING


def _of_own(request: Asked, principal: Principal) -> int:
    """Of tokens and sessions: one's own, or those of others for whoever may make users."""
    others = principal.may(Permission.USERS_WRITE)
    operation = request.operation.name
    if principal.only is not None and operation in {
        "list_tokens",
        "create_token",
        "revoke_token",
        "list_sessions",
        "end_session",
    }:
        return FORBIDDEN  # a limited token that leaks must not make another, nor end those of its user
    if operation == "asked_state":
        return MISSING  # others have asked for it
    if operation in ("revoke_token", "end_session"):
        return ANSWERED if others else MISSING
    if operation == "create_token":
        return ANSWERED if others else FORBIDDEN
    return ANSWERED
