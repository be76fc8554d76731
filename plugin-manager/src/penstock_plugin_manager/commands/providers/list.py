"""``list``: the providers of an environment."""

# ruff: noqa: PLC0415  a plain `list` must answer within 60 ms, so each flag pays for its own imports

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from penstock_plugin_manager.errors import INCOMPATIBLE, OK, UNUSED
from penstock_plugin_manager.installed.links import LINKS, LINKS_FILE
from penstock_plugin_manager.installed.locate import ISOLATED_FILE, JOURNAL, watched_files, write_list_cache
from penstock_plugin_manager.output import Result, document, next_command, style, table

if TYPE_CHECKING:
    import argparse

    from penstock_plugin_manager.arguments import Parser
    from penstock_plugin_manager.change.session import Session

_IMPORT = "import sys,time;s=time.perf_counter();__import__(sys.argv[1]);print((time.perf_counter()-s)*1000)"


def configure(parser: Parser) -> None:
    """Add the command's options."""
    parser.add_argument("--available", action="store_true", help="those of the catalogs that are not installed")
    parser.add_argument("--outdated", action="store_true", help="those with a newer version in the sources")
    parser.add_argument(
        "--broken", action="store_true", help="those that do not work, with the reason; exit code 5 if any"
    )
    parser.add_argument("--unused", action="store_true", help="those that no DAG file needs; exit code 4 if any")
    parser.add_argument("--cost", action="store_true", help="disk space and import time of each")
    parser.add_argument("--dags", metavar="PATH", help="DAG files for --unused (default: the project's)")
    parser.add_argument("--index-url", metavar="URL", help="package index to use")
    parser.add_argument(
        "--find-links", metavar="PLACE", action="append", help="folder or page of wheels to use besides"
    )
    parser.add_argument("--catalog", metavar="PLACE", action="append", help="another catalog, before the project's")
    parser.only(("dags",), lambda options: options.unused, "with --unused")
    parser.only(("index_url",), lambda options: options.outdated, "with --outdated")
    views = ("available", "outdated", "unused")
    parser.only(
        ("find_links",),
        lambda options: any(getattr(options, view) for view in views),
        "with --available, --outdated, --unused",
    )
    parser.only(
        ("catalog",),
        lambda options: any(getattr(options, view) for view in (*views, "broken")),
        "with --available, --outdated, --unused, --broken",
    )


def run(options: argparse.Namespace, session: Session) -> Result:
    """Show the providers of the environment: version, core and spec, state and source. Nothing is imported."""
    views = {
        "available": _available, "outdated": _outdated, "broken": _broken, "unused": _unused, "cost": _cost,
    }  # fmt: skip
    chosen = [view for name, view in views.items() if getattr(options, name)]
    if chosen:
        return _joined([view(options, session) for view in chosen])
    rows = provider_rows(session)
    for row in rows:
        row["disabled"] = row["id"] in session.intent.disabled
    lines = _lines(rows)
    for own in session.environments.values():
        if not own.environment.starts:
            lines += [style(f"{own.environment.python} cannot be started.", "red"), next_command("doctor --fix")]
    result = Result({"environment": session.environment.root, "providers": rows}, lines)
    _keep(result, session)
    return result


def provider_rows(session: Session) -> list[dict[str, Any]]:
    """Return one row for each installed provider, for programs; what a broken one lacks is empty."""
    from pathlib import Path

    from penstock_plugin_manager.installed.damage import damaged

    harmed: dict[str, list[str]] = {}
    for own in session.environments.values():
        names = sorted({each.distribution for each in own.providers if each.distribution in own.distributions})
        for each in own.providers:
            if each.distribution not in own.visible_distributions:
                harmed[each.distribution] = ["has no metadata: something has removed it by half"]
        for name, found in damaged(Path(own.environment.site), names, own.environment.state).items():
            harmed.setdefault(name, []).extend(each.sentence for each in found)
    return [
        {
            "id": each.id,
            "name": each.manifest.name if each.manifest else "",
            "doc": each.manifest.doc if each.manifest else "",
            "distribution": each.distribution,
            "version": each.version,
            "core": each.core,
            "spec": each.manifest.spec if each.manifest else "",
            "state": each.manifest.state if each.manifest else "",
            "source": each.source,
            "problems": list(each.problems),
            "damage": [] if each.id in session.links else harmed.get(each.distribution, []),
            "isolated": each.id in session.isolated,
            "linked": session.links[each.id].project if each.id in session.links else None,
            "notes": list(each.notes),
        }
        for each in session.every_provider
    ]


def _keep(result: Result, session: Session) -> None:
    """Keep the answer for the next call, which will read it and nothing else."""
    from pathlib import Path

    from penstock_plugin_manager.installed.damage import recorded

    environment = session.environment
    if environment.system_site:  # folders of the user or the system may appear that are not there to be watched
        return
    journals = [f"{environment.state}/{JOURNAL}", f"{environment.generations}/{JOURNAL}"]
    paths = [environment.root, f"{environment.root}/pyvenv.cfg", str(session.intent_path), *journals]
    paths += [f"{environment.root}/{ISOLATED_FILE}", f"{environment.root}{LINKS}/{LINKS_FILE}"]
    for own in session.environments.values():
        paths += [own.environment.python, *watched_files(own.search_path.folders)]
        paths += [path for each in own.providers for path in each.paths]
        site = Path(own.environment.site)
        paths += [str(site / path) for each in own.providers for path, _ in recorded(site, each.distribution)]
    text = "".join(f"{line}\n" for line in result.text)
    write_list_cache(environment.root, session.project_found, paths, text, document("list", result))


def _lines(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return ["No provider is installed.", next_command("scan dags/    or    plugin-manager list --available")]
    cells = [
        (
            row["id"],
            row["version"],
            row["core"] or "any",
            row["spec"] or "?",
            _state(row),
            row["source"] or "index",
            row["doc"],
        )
        for row in rows
    ]
    lines = table(("PROVIDER", "VERSION", "CORE", "SPEC", "STATE", "FROM", "WHAT"), cells)
    lines += [
        f"{row['id']} is linked to {row['linked']}: plugin-manager dev unlink {row['id']}"
        for row in rows
        if row["linked"]
    ]
    if any(row["problems"] or row["damage"] for row in rows):
        lines.append(next_command("list --broken"))
    return lines


def _state(row: dict[str, Any]) -> str:
    if row["problems"]:
        return style("broken", "red")
    if row["linked"]:
        return style("linked", "yellow")
    if row["damage"]:
        return style("damaged", "red")
    if row.get("disabled"):
        return style("disabled", "yellow")
    if row["isolated"]:
        return "isolated"
    return str(row["state"])


def _joined(results: Sequence[Result]) -> Result:
    """Return several views one after the other; the worst exit code counts."""
    data: dict[str, Any] = {}
    lines: list[str] = []
    for result in results:
        data |= result.data
        lines += ([""] if lines else []) + list(result.text)
    return Result(data, lines, max(result.code for result in results))


def _broken(_: argparse.Namespace, session: Session) -> Result:
    core = session.distributions["penstock-core"].version if "penstock-core" in session.distributions else ""
    rows = provider_rows(session)
    for row in rows:
        entry = session.catalog.get(row["id"])
        release = entry.release(row["version"]) if entry else None
        if release and release.verdicts.get(core) == "fail":
            row["problems"].append(f"a catalog has seen it fail with core {core}")
    rows = [row for row in rows if row["problems"] or row["damage"]]
    if not rows:
        return Result({"providers": []}, ["Every provider is sound."])
    lines = []
    for row in rows:
        lines.append(f"{style(row['id'], 'bold')} {row['version']} ({row['distribution']})")
        lines += [f"  {problem}" for problem in (*row["problems"], *row["damage"])]
    first = next((row["id"] for row in rows if row["problems"]), None)
    mend = f"remove {first}    or    plugin-manager upgrade {first}" if first else "doctor --fix"
    lines.append(next_command(mend))
    return Result({"providers": rows}, lines, INCOMPATIBLE)


def _available(_: argparse.Namespace, session: Session) -> Result:
    from penstock_plugin_manager.change.known_providers import known_providers

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
    from penstock_plugin_manager.change.known_providers import project_of
    from penstock_plugin_manager.model.requirement import newer

    data = []
    for row in provider_rows(session):
        project = project_of(row["distribution"], session)
        latest = project.newest() if project else None
        if latest and newer(latest, row["version"]):
            data.append({"id": row["id"], "version": row["version"], "latest": latest})
    if not data:
        return Result({"outdated": []}, ["Every provider is at its newest version."])
    lines = table(("PROVIDER", "VERSION", "NEWEST"), [(each["id"], each["version"], each["latest"]) for each in data])
    return Result({"outdated": data}, [*lines, next_command("plan upgrade")])


def _unused(options: argparse.Namespace, session: Session) -> Result:
    from penstock_plugin_manager.commands.providers.scan import scan_project

    needs = scan_project(options.dags, session).needs
    used = {need.id for need in needs}
    rows = [row for row in provider_rows(session) if row["id"] not in used]
    ids = [row["id"] for row in rows]
    lines = (
        [f"No DAG file needs: {', '.join(ids)}", next_command(f"remove {' '.join(ids)} --prune")]
        if ids
        else ["Every provider is used."]
    )
    return Result({"unused": ids}, lines, UNUSED if ids else OK)


def _cost(_: argparse.Namespace, session: Session) -> Result:
    """Measure each provider: disk space with what it alone drags along, and the time of its import in a fresh interpreter."""
    from penstock_plugin_manager.model.requirement import human_size

    data: list[dict[str, Any]] = []
    for own in session.environments.values():
        data += _costs(own, {name for name in session.isolated if own is not session.isolated[name]})
    rows = [
        (
            str(each["id"]), human_size(each["alone"]), human_size(each["with_all"]), str(each["distributions"]),
            f"{each['import_ms']:.0f} ms" if each["import_ms"] is not None else style("fails", "red"),
        )
        for each in data
    ]  # fmt: skip
    return Result({"cost": data}, table(("PROVIDER", "ALONE", "WITH ALL", "DISTS", "IMPORT"), rows))


def _costs(session: Session, elsewhere: set[str]) -> list[dict[str, Any]]:
    from pathlib import Path

    from penstock_plugin_manager.installed.site import installed_size
    from penstock_plugin_manager.model.requirement import reach

    present, site = session.distributions, Path(session.environment.site)
    providers = [each for each in session.providers if each.id not in elsewhere]
    roots = {each.distribution: () for each in providers}
    reached = {name: set(reach({name: ()}, present, session.markers)) & set(present) for name in roots}
    data: list[dict[str, Any]] = []
    for each in providers:
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
    return data


def _import_ms(session: Session, modules: tuple[str, ...]) -> float | None:
    """Return the milliseconds that the import of a provider's packages takes, over an interpreter that has the core."""
    import subprocess

    total = 0.0
    for module in modules:
        command = [session.environment.python, "-I", "-c", _IMPORT, module]
        done = subprocess.run(command, check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=120)
        if done.returncode:
            return None
        total += float(done.stdout)
    return total
