"""``catalog``: build, show or refresh catalogs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from penstock_plugin_manager.apply.files import write_text
from penstock_plugin_manager.arguments import Parser
from penstock_plugin_manager.catalog.build import build_catalog
from penstock_plugin_manager.catalog.entry import write_catalog
from penstock_plugin_manager.catalog.load import load_catalogs
from penstock_plugin_manager.catalog.verdicts import Verdict, read_verdicts
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import ManagerError, MissingError, UsageError, as_sentence
from penstock_plugin_manager.output import Result, table


def configure(parser: Parser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "action", choices=("build", "show", "refresh"), help="make one, list what they hold, or fetch them anew"
    )
    parser.add_argument("folders", nargs="*", metavar="DIR", help="with build: folders of wheels")
    parser.add_argument("-o", "--output", metavar="FILE", help="with build: the catalog")
    parser.add_argument(
        "--verdicts", metavar="FILE", action="append", help="with build: verdicts that plugin-manager test has written"
    )
    parser.only(("folders", "output", "verdicts"), lambda options: options.action == "build", "with build")
    parser.only(("catalog",), lambda options: options.action != "build", "with show, refresh")
    parser.add_argument("--catalog", metavar="PLACE", action="append", help="another catalog, before the project's")


def run(options: argparse.Namespace, session: Session) -> Result:
    """Build a catalog from wheels, show the merged catalogs, or fetch remote ones anew.

    Of several catalogs the first that knows an id wins: those of the call, then the project's, then the shipped one.
    """
    if options.action == "build":
        return _build(options, session)
    if options.action == "refresh":
        locations = [*(options.catalog or ()), *session.intent.catalogs]
        session.__dict__["catalog"] = load_catalogs(locations, session.client, session.console.note, refresh=True)
    entries = [session.catalog[name] for name in sorted(session.catalog)]
    data = [
        {
            "id": each.id,
            "distribution": each.distribution,
            "version": each.newest(),
            "state": each.state,
            "origin": each.origin,
        }
        for each in entries
    ]
    rows = [(each.id, each.newest(), each.state, each.distribution, each.origin) for each in entries]
    return Result({"providers": data}, table(("PROVIDER", "VERSION", "STATE", "DISTRIBUTION", "CATALOG"), rows))


def _build(options: argparse.Namespace, session: Session) -> Result:
    if not options.folders or not options.output:
        raise UsageError(
            "catalog build needs folders of wheels and -o FILE.",
            "Such as: plugin-manager catalog build dist -o catalog.json",
        )
    verdicts = [each for name in options.verdicts or () for each in _verdicts(Path(name))]
    entries = build_catalog([Path(folder) for folder in options.folders], verdicts, session.console.note)
    write_text(Path(options.output).absolute(), json.dumps(write_catalog(entries), indent=1) + "\n")
    message = f"Wrote {options.output}: {len(entries)} providers."
    return Result({"file": options.output, "providers": [each.id for each in entries]}, [message])


def _verdicts(path: Path) -> list[Verdict]:
    if not path.is_file():
        raise MissingError(f"There is no file {path}.")
    try:
        return read_verdicts(json.loads(path.read_text(encoding="utf-8")), str(path))
    except (ValueError, RecursionError) as error:
        raise ManagerError(f"{path} is no JSON: {as_sentence(error)}") from None
