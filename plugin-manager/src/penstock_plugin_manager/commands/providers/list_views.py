"""The views of ``list`` that need more than the snapshot."""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from penstock_plugin_manager.change.known_providers import known_providers, project_of
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import OK, UNUSED
from penstock_plugin_manager.installed.site import installed_size
from penstock_plugin_manager.installed.snapshot import rows as read_rows
from penstock_plugin_manager.model.requirement import human_size, newer, reach
from penstock_plugin_manager.output import Result, next_command, style, table

_IMPORT = "import sys,time;s=time.perf_counter();__import__(sys.argv[1]);print((time.perf_counter()-s)*1000)"


def view(flags: list[str], options: argparse.Namespace, session: Session) -> Result:
    """Return the views that were asked for, one after the other; the worst exit code counts."""
    views: dict[str, Callable[[argparse.Namespace, Session], Result]] = {
        "available": _available, "outdated": _outdated, "broken": _broken, "unused": _unused, "cost": _cost,
    }  # fmt: skip
    data: dict[str, Any] = {}
    lines: list[str] = []
    code = OK
    for flag in flags:
        result = views[flag](options, session)
        data |= result.data
        lines += ([""] if lines else []) + list(result.text)
        code = max(code, result.code)
    return Result(data, lines, code)


def _available(_: argparse.Namespace, session: Session) -> Result:
    found = [each for each in known_providers(session) if not each.installed]
    rows = [(each.id, each.version, each.manifest.state, each.where, each.manifest.doc) for each in found]
    data = [
        {"id": each.id, "version": each.version, "state": each.manifest.state, "doc": each.manifest.doc}
        for each in found
    ]
    if not rows:
        return Result({"available": []}, ["The catalogs hold nothing that is not installed."])
    lines = table(("PROVIDER", "VERSION", "STATE", "WHERE", "WHAT"), rows)
    return Result({"available": data}, [*lines, next_command(f"info {found[0].id}")])


def _outdated(_: argparse.Namespace, session: Session) -> Result:
    data = []
    for row in read_rows(session.environment):
        project = project_of(row["distribution"], session)
        latest = project.newest() if project else None
        if latest and newer(latest, row["version"]):
            data.append({"id": row["id"], "version": row["version"], "latest": latest})
    if not data:
        return Result({"outdated": []}, ["Every provider is at its newest version."])
    lines = table(("PROVIDER", "VERSION", "NEWEST"), [(each["id"], each["version"], each["latest"]) for each in data])
    return Result({"outdated": data}, [*lines, next_command("plan upgrade")])


def _broken(_: argparse.Namespace, session: Session) -> Result:
    rows = [row for row in read_rows(session.environment) if row["problems"]]
    lines = [f"{row['id']}: {problem}" for row in rows for problem in row["problems"]]
    return Result({"broken": rows}, lines or ["Every provider is sound."], 5 if rows else OK)


def _unused(options: argparse.Namespace, session: Session) -> Result:
    from penstock_plugin_manager.commands.providers.scan import scan_project  # noqa: PLC0415  scanning is a world of its own

    needs = scan_project(options.dags, session).needs
    used = {need.id for need in needs}
    rows = [row for row in read_rows(session.environment) if row["id"] not in used]
    ids = [row["id"] for row in rows]
    lines = (
        [f"No DAG file needs: {', '.join(ids)}", next_command(f"remove {' '.join(ids)} --prune")]
        if ids
        else ["Every provider is used."]
    )
    return Result({"unused": ids}, lines, UNUSED if ids else OK)


def _cost(_: argparse.Namespace, session: Session) -> Result:
    """Measure each provider: disk space with what it alone drags along, and the time of its import in a fresh interpreter."""
    present, site = session.distributions, Path(session.environment.site)
    roots = {each.distribution: () for each in session.providers}
    reached = {name: set(reach({name: ()}, present, session.markers)) & set(present) for name in roots}
    data: list[dict[str, Any]] = []
    for each in session.providers:
        others = {name for other, names in reached.items() if other != each.distribution for name in names}
        others |= set(reach({"penstock-core": ()}, present, session.markers))
        alone = (reached[each.distribution] - others) | {each.distribution}
        sizes = sum(installed_size(site, name) for name in alone)
        whole = sum(installed_size(site, name) for name in reached[each.distribution])
        modules = each.manifest.imports if each.manifest else ()
        data.append(
            {
                "id": each.id,
                "alone": sizes,
                "with_all": whole,
                "distributions": len(alone),
                "import_ms": _import_ms(session, modules),
            }
        )
    rows = [
        (
            str(each["id"]), human_size(each["alone"]), human_size(each["with_all"]), str(each["distributions"]),
            f"{each['import_ms']:.0f} ms" if each["import_ms"] is not None else style("fails", "red"),
        )
        for each in data
    ]  # fmt: skip
    return Result({"cost": data}, table(("PROVIDER", "ALONE", "WITH ALL", "DISTS", "IMPORT"), rows))


def _import_ms(session: Session, modules: tuple[str, ...]) -> float | None:
    """Return the milliseconds that the import of a provider's packages takes, over an interpreter that has the core."""
    total = 0.0
    for module in modules:
        command = [session.environment.python, "-I", "-c", _IMPORT, module]
        done = subprocess.run(command, check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=120)
        if done.returncode:
            return None
        total += float(done.stdout)
    return total
