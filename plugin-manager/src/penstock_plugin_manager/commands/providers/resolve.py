"""``resolve``: what providers would bring, as a graph."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.arguments import add_limit_options, change_options
from penstock_plugin_manager.change.execute_plan import plan_data
from penstock_plugin_manager.change.proposal import propose
from penstock_plugin_manager.change.request import ChangeRequest
from penstock_plugin_manager.change.requirements import wanted
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.model.lock import Locked
from penstock_plugin_manager.model.names import parse_provider_requirement
from penstock_plugin_manager.output import Result, style
from penstock_plugin_manager.plan.steps import Plan


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("ids", nargs="+", metavar="ID", help="a provider")
    parser.add_argument("--dot", action="store_true", help="print the graph in the language of Graphviz")
    add_limit_options(parser)


def run(options: argparse.Namespace, session: Session) -> Result:
    """Print what providers would bring, as a graph: ``+`` is new, ``^`` and ``v`` move, the rest stands already."""
    requirements = [parse_provider_requirement(text) for text in options.ids]
    intent = session.intent.with_requirements(requirements)
    request = ChangeRequest(f"resolve {' '.join(options.ids)}", intent)
    proposal = propose(request, change_options(options).limits, session, sized=False)
    packages = {each.name: each for each in proposal.plan.target}
    roots = [
        name for name in wanted(session, session.intent._replace(providers=tuple(requirements))) if name in packages
    ]
    data = {**plan_data(proposal), "nodes": sorted(packages), "edges": _edges(packages)}
    if options.dot:
        lines = [f'  "{parent}" -> "{child}";' for parent, child in _edges(packages)]
        return Result(data, ["digraph plan {", *lines, "}"])
    return Result(data, _draw(roots, packages, proposal.plan))


def _edges(packages: dict[str, Locked]) -> list[tuple[str, str]]:
    return sorted((name, child) for name, each in packages.items() for child in each.dependencies if child in packages)


def _draw(roots: list[str], packages: dict[str, Locked], plan: Plan) -> list[str]:
    marks = {
        step.name: {"add": "+", "upgrade": "^", "downgrade": "v", "replace": "~"}.get(step.action, "")
        for step in plan.steps
    }
    lines: list[str] = []
    seen: set[str] = set()
    stack = [(name, "", "") for name in reversed(roots)]
    while stack:
        name, branch, indent = stack.pop()
        again = " *" if name in seen else ""
        mark = marks.get(name, " ") or " "
        label = style(name, "bold") if not branch else name
        lines.append(f"{style(mark, 'green')} {branch}{label} {packages[name].version}{again}")
        if not again:
            seen.add(name)
            below = [child for child in packages[name].dependencies if child in packages]
            for at, child in reversed(list(enumerate(below))):
                last = at == len(below) - 1
                stack.append((child, indent + ("└── " if last else "├── "), indent + ("    " if last else "│   ")))
    return lines
