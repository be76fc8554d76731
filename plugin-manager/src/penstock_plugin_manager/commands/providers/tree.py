"""``tree``: what each provider drags along."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import MissingError, did_you_mean
from penstock_plugin_manager.model.names import CORE, parse_provider_requirement
from penstock_plugin_manager.model.requirement import Distribution, Edge, edges
from penstock_plugin_manager.output import Result, style


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("ids", nargs="*", metavar="ID", help="providers; all and the core when omitted")


def run(options: argparse.Namespace, session: Session) -> Result:
    """Show what the core and each provider drag along, as the installed metadata says; ``*`` marks what was shown above.

    Raises:
        MissingError: a provider is not installed.
    """
    by_id = {each.id: each.distribution for each in session.every_provider}
    ids = [parse_provider_requirement(text).id for text in options.ids]
    for provider_id in ids:
        if provider_id not in by_id:
            raise MissingError(f"Provider {provider_id!r} is not installed.", did_you_mean(provider_id, list(by_id)))
    lines: list[str] = []
    data: list[dict[str, Any]] = []
    for place, own in session.environments.items():
        mine = [each for each in ids or by_id if (place == each if place else each not in session.isolated)]
        roots = {CORE: ()} if not (ids or place) else {}
        drawn, nested = _drawn({**roots, **{by_id[each]: _extras(session, each) for each in mine}}, own)
        lines += [f"In an environment of its own for {place}:"] if place and drawn else []
        lines += drawn
        data += nested
    return Result({"roots": data}, lines or ["Nothing is installed."])


def _drawn(roots: Mapping[str, tuple[str, ...]], session: Session) -> tuple[list[str], list[dict[str, Any]]]:
    present = session.distributions
    seen: set[str] = set()
    lines: list[str] = []
    data = []
    for name, extras in roots.items():
        if name in present:
            lines += _draw(name, extras, present, session.markers, seen)
            data.append(_nest(name, extras, present, session.markers, frozenset()))
    return lines, data


def _extras(session: Session, provider_id: str) -> tuple[str, ...]:
    apart = {each.id: each for each in map(parse_provider_requirement, session.intent.isolated)}
    requirement = session.intent.requirement(provider_id) or apart.get(provider_id)
    return requirement.extras if requirement else ()


def _draw(
    name: str, extras: tuple[str, ...], present: Mapping[str, Distribution], markers: Mapping[str, str], seen: set[str]
) -> list[str]:
    lines = [f"{style(name, 'bold')} {present[name].version}"]
    seen.add(name)
    stack = [(edge, "", last) for edge, last in _ordered(name, extras, present, markers)][::-1]
    while stack:
        edge, indent, last = stack.pop()
        dist = present.get(edge.child)
        again = edge.child in seen and dist is not None
        version = dist.version if dist else style("missing", "red")
        lines.append(f"{indent}{'└── ' if last else '├── '}{edge.child} {version}{' *' if again else ''}")
        if dist and not again:
            seen.add(edge.child)
            deeper = indent + ("    " if last else "│   ")
            stack += [(each, deeper, end) for each, end in _ordered(edge.child, edge.extras, present, markers)][::-1]
    return lines


def _ordered(
    name: str, extras: tuple[str, ...], present: Mapping[str, Distribution], markers: Mapping[str, str]
) -> list[tuple[Edge, bool]]:
    found = sorted({edge.child: edge for edge in edges(present[name], markers, extras)}.values())
    return [(edge, at == len(found) - 1) for at, edge in enumerate(found)]


def _nest(
    name: str,
    extras: tuple[str, ...],
    present: Mapping[str, Distribution],
    markers: Mapping[str, str],
    above: frozenset[str],
) -> dict[str, Any]:
    dist = present.get(name)
    if dist is None:
        return {"name": name, "version": None, "requires": []}
    below = [] if name in above else [edge for edge, _ in _ordered(name, extras, present, markers)]
    nested = [_nest(edge.child, edge.extras, present, markers, above | {name}) for edge in below]
    return {"name": name, "version": dist.version, "requires": nested}
