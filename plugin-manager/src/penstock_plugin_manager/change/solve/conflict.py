"""Conflicts: the smallest set of requirements that cannot be met together, in words, and the ways out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.change.solve.not_found import explain_missing
from penstock_plugin_manager.errors import IncompatibleError, ManagerError, MissingError
from penstock_plugin_manager.model.intent import Intent
from penstock_plugin_manager.model.names import CORE, normalize
from penstock_plugin_manager.model.requirement import parse_requirement
from penstock_plugin_manager.resolve.message import AbsentError, UnmetError, clash_in
from penstock_plugin_manager.resolve.request import Request


def explain_conflict(error: IncompatibleError, request: Request, intent: Intent, session: Session) -> ManagerError:
    """Return the error for requirements that cannot be met together, or for one that no version meets."""
    items = [("root", text) for text in request.roots] + [("constraint", text) for text in request.constraints]
    failures: dict[frozenset[tuple[str, str]], ManagerError | None] = {frozenset(items): error}

    def solvable(items: Sequence[tuple[str, str]]) -> bool:
        requested = frozenset(items)
        if requested not in failures:
            failures[requested] = failure(items)
        return failures[requested] is None

    def failure(items: Sequence[tuple[str, str]]) -> ManagerError | None:
        roots = tuple(text for kind, text in items if kind == "root")
        limits = tuple(text for kind, text in items if kind == "constraint")
        requested = request._replace(roots=roots or (CORE,), constraints=limits, preferred=())
        try:
            session.resolver.solve(requested, session.environment, session.sources)
        except (IncompatibleError, MissingError) as found:
            return found
        return None

    try:
        smallest = minimal(_suspects(items, error.detail, solvable), solvable)
    except ManagerError:
        return error
    alone = failures.get(frozenset(smallest))
    if isinstance(alone, AbsentError):
        return explain_missing(alone, intent, session)
    if isinstance(alone, UnmetError):
        return alone
    named = [_in_words(text, kind, intent, session) for kind, text in smallest]
    hint = _ways_out(smallest, items, solvable, intent, session)
    joined = " and ".join(named) if len(named) < 3 else f"{', '.join(named[:-1])} and {named[-1]}"
    message = f"{joined[:1].upper()}{joined[1:]} cannot stand in one environment." if named else str(error)
    if len(named) == 1:
        message = f"{joined[:1].upper()}{joined[1:]} cannot be installed in this environment."
    clash = [
        f"{each.parent or 'what you ask for'} needs {each.child}{each.specifier}" for each in clash_in(error.detail)
    ]
    return IncompatibleError(message, hint, "\n".join(clash) or error.detail)


def _suspects(
    items: list[tuple[str, str]], message: str, solvable: Callable[[Sequence[tuple[str, str]]], bool]
) -> list[tuple[str, str]]:
    """Return those items that the resolver's words name, where they alone cannot be met; otherwise all of them."""
    named = []
    for item in items:
        parsed = parse_requirement(item[1])
        if parsed and re.search(rf"(?<![\w-]){re.escape(normalize(parsed.name))}(?![\w-])", message):
            named.append(item)
    return named if named and not solvable(named) else items


def minimal(
    items: Sequence[tuple[str, str]], solvable: Callable[[Sequence[tuple[str, str]]], bool]
) -> list[tuple[str, str]]:
    """Return a smallest subset that is not solvable: taking any one item out would make it so (QuickXplain, Junker 2004)."""
    if solvable(items):
        return []
    if not items:
        return []
    return _explain([], list(items), solvable, checked=True)


def _explain(
    background: list[tuple[str, str]],
    items: list[tuple[str, str]],
    solvable: Callable[[Sequence[tuple[str, str]]], bool],
    *,
    checked: bool,
) -> list[tuple[str, str]]:
    if not checked and background and not solvable(background):
        return []
    if len(items) == 1:
        return items
    half = len(items) // 2
    first, second = items[:half], items[half:]
    right = _explain(background + first, second, solvable, checked=False)
    left = _explain(background + right, first, solvable, checked=not right)
    return left + right


def _in_words(text: str, kind: str, intent: Intent, session: Session) -> str:
    parsed = parse_requirement(text)
    if parsed is None:
        return text
    name = normalize(parsed.name)
    for requirement in intent.providers:
        if session.distribution_of(requirement.id) == name and kind == "root":
            return f"provider {requirement}"
    if name == CORE:
        return f"the core {str(parsed.specifier).removeprefix('==')}".strip()
    if kind == "constraint":
        return f"{name}{parsed.specifier}, which is installed by hand or needed by what is,"
    return text


def _ways_out(
    smallest: list[tuple[str, str]],
    items: list[tuple[str, str]],
    solvable: Callable[[Sequence[tuple[str, str]]], bool],
    intent: Intent,
    session: Session,
) -> str:
    ways = []
    for item in smallest:
        kind, text = item
        parsed = parse_requirement(text)
        if parsed is None or not parsed.specifier:
            continue
        name = normalize(parsed.name)
        rest = [other for other in items if other != item]
        loose = [*rest, (kind, parsed.name)] if kind == "root" else rest
        if not solvable(loose):
            continue
        if name == CORE and kind == "constraint":
            ways.append("let the core move: --allow-core-change")
        elif kind == "root":
            ways.append(f"ask for another version than {name}{parsed.specifier}")
        else:
            ways.append(f"let {name} leave {parsed.specifier}")
    ids = [
        requirement.id
        for requirement in intent.providers
        if any(session.distribution_of(requirement.id) in text for _, text in smallest)
    ]
    installed = {each.id for each in session.providers}
    fresh = [each for each in ids if each not in installed] or ids
    apart = len(smallest) > 1 and not any(normalize(text).startswith(CORE) for _, text in smallest)
    if apart and fresh:  # an isolated provider has the very core of the others
        ways.append(f"give one an environment of its own: plugin-manager isolate {fresh[-1]}")
    return f"Ways out: {'; '.join(ways)}." if ways else ""
