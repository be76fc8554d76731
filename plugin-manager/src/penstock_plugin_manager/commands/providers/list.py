"""``list``: the providers of an environment."""

# ruff: noqa: PLC0415  a plain `list` must answer within 60 ms, so each flag pays for its own imports

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock_plugin_manager.installed.locate import JOURNAL, write_list_cache
from penstock_plugin_manager.installed.snapshot import rows as read_rows
from penstock_plugin_manager.output import Result, document, next_command, style, table

if TYPE_CHECKING:
    import argparse

    from penstock_plugin_manager.change.session import Session

_FLAGS = ("available", "outdated", "broken", "unused", "cost")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--available", action="store_true", help="those of the catalogs that are not installed")
    parser.add_argument("--outdated", action="store_true", help="those with a newer version in the sources")
    parser.add_argument(
        "--broken", action="store_true", help="those that do not work, with the reason; exit code 5 if any"
    )
    parser.add_argument("--unused", action="store_true", help="those that no DAG file needs; exit code 4 if any")
    parser.add_argument("--cost", action="store_true", help="disk space and import time of each")
    parser.add_argument("--dags", metavar="PATH", help="DAG files for --unused (default: the project's)")
    parser.add_argument("--index-url", metavar="URL", help=argparse_help("index"))
    parser.add_argument("--find-links", metavar="PLACE", action="append", help=argparse_help("links"))
    parser.add_argument("--catalog", metavar="PLACE", action="append", help="another catalog, before the project's")


def argparse_help(topic: str) -> str:
    """Return the help of an option that several commands share."""
    return {"index": "package index to use", "links": "folder or page of wheels to use besides"}[topic]


def run(options: argparse.Namespace, session: Session) -> Result:
    """Show the providers of the environment: version, core and spec, state and source. Nothing is imported."""
    chosen = [flag for flag in _FLAGS if getattr(options, flag)]
    if chosen and chosen != ["broken"]:
        from penstock_plugin_manager.commands.providers.list_views import view

        return view(chosen, options, session)
    rows = read_rows(session.environment)
    if options.broken:
        return _broken([row for row in rows if row["problems"]])
    for row in rows:
        row["disabled"] = row["id"] in session.intent.disabled
    result = Result({"environment": session.environment.root, "providers": rows}, _lines(rows))
    _keep(result, session)
    return result


def _keep(result: Result, session: Session) -> None:
    """Keep the answer for the next call, which will read it and nothing else."""
    environment = session.environment
    journals = [f"{environment.state}/{JOURNAL}", f"{environment.generations}/{JOURNAL}"]
    manifests = [path for each in session.providers for path in each.paths]
    paths = [environment.root, environment.site, str(session.intent_path), *journals, *manifests]
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
    if any(row["problems"] for row in rows):
        lines.append(next_command("list --broken"))
    return lines


def _state(row: dict[str, Any]) -> str:
    if row["problems"]:
        return style("broken", "red")
    if row.get("disabled"):
        return style("disabled", "yellow")
    return str(row["state"])


def _broken(rows: list[dict[str, Any]]) -> Result:
    if not rows:
        return Result({"providers": []}, ["Every provider is sound."])
    lines = []
    for row in rows:
        lines.append(f"{style(row['id'], 'bold')} {row['version']} ({row['distribution']})")
        lines += [f"  {problem}" for problem in row["problems"]]
    lines.append(next_command(f"remove {rows[0]['id']}    or    plugin-manager upgrade {rows[0]['id']}"))
    return Result({"providers": rows}, lines, 5)
