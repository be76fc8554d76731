"""``scan``: the providers that DAG files need."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any

from penstock_manifest.format import Manifest

from penstock_plugin_manager.arguments import Parser, add_dry_run_option
from penstock_plugin_manager.change.policy import check_ids
from penstock_plugin_manager.change.project import write_project
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import ERROR, MISSING, OK, UNUSED, MissingError
from penstock_plugin_manager.index.cache import cache_folder
from penstock_plugin_manager.model.intent import TABLE
from penstock_plugin_manager.model.names import ProviderRequirement, parse_provider_requirement
from penstock_plugin_manager.model.toml import parse
from penstock_plugin_manager.need.dag_files import find_files, read_files
from penstock_plugin_manager.need.match import CapabilityOwners, Location, Need, ScanResult, match
from penstock_plugin_manager.output import Result, next_command, style, table


def configure(parser: Parser) -> None:
    """Add the command's options."""
    parser.add_argument("path", nargs="?", help="a file or folder (default: the project's dags)")
    parser.add_argument(
        "--check",
        action="store_true",
        help="exit code 3 if a provider is missing, 4 if one is unused, 1 if a file cannot be read",
    )
    parser.add_argument("--explain", action="store_true", help="name every place, not only the first")
    parser.add_argument("--write", action="store_true", help="put the result into the intent file")
    add_dry_run_option(parser)
    parser.only(("dry_run",), lambda options: options.write, "with --write")
    parser.add_argument("--catalog", metavar="PLACE", action="append", help="another catalog, before the project's")
    parser.add_argument(
        "--find-links", metavar="PLACE", action="append", help="folder of wheels whose manifests count, too"
    )


def run(options: argparse.Namespace, session: Session) -> Result:
    """Read DAG files by their syntax and name the providers and extras that they need, each with file and line.

    Nothing is imported. What reading cannot decide is listed and never guessed.
    """
    found = scan_project(options.path, session)
    declared, against = _declared(session)
    missing = [need for need in found.needs if need.id not in declared and not need.optional]
    used = {need.id for need in found.needs}
    unused = sorted(set(declared) - used)
    code = OK
    if options.check:
        code = UNUSED if unused else OK
        code = ERROR if found.unreadable else code  # it may need anything
        code = MISSING if missing or _missing_extras(found.needs, declared) else code
    data: dict[str, Any] = {
        "needs": [_need_data(need) for need in found.needs],
        "missing": [need.id for need in missing],
        "missing_extras": _missing_extras(found.needs, declared),
        "unused": unused,
        "compared_with": against,
        "cannot_tell": [place._asdict() for place in found.unclear],
        "unreadable": [place._asdict() for place in found.unreadable],
        "written": None,
    }
    lines = _lines(found, declared, unused, against, every=options.explain)
    if options.write:
        data["written"] = str(session.intent_path)
        message, changes = _write(found, unused, session, dry_run=options.dry_run)
        lines.append(message)
        code = changes or code
    elif missing:
        lines.append(next_command(f"install {' '.join(_requirement(need) for need in missing)}"))
    return Result(data, lines, code)


def scan_project(path: str | None, session: Session) -> ScanResult:
    """Return what the files of a project need.

    Args:
        path: A file or folder; the project's DAG folders when None.
        session: The call; its environment's manifests and its catalogs say who owns what.

    Raises:
        MissingError: there is no such file or folder.
    """
    roots = _roots(path, session)
    files = find_files(roots)
    name = hashlib.sha256("\n".join(str(root) for root in roots).encode()).hexdigest()[:24]
    evidence = read_files(files, cache_folder() / "scan" / f"{name}.json")
    return match(evidence, CapabilityOwners(_manifests(session)))


def _roots(path: str | None, session: Session) -> list[Path]:
    if path:
        root = Path(path).absolute()
        if not root.exists():
            raise MissingError(f"There is no file or folder {path}.", "Name the folder of the DAG files.")
        return [root]
    roots = [session.project / name for name in session.intent.dags or ("dags",)]
    for root in roots:
        if not root.exists():
            raise MissingError(
                f"There is no folder {root}.", "Name the folder of the DAG files: plugin-manager scan PATH"
            )
    return roots


def _manifests(session: Session) -> list[Manifest]:
    """Return the known manifests; without an environment, those of catalogs and folders alone."""
    from penstock_plugin_manager.change.known_providers import known_providers  # noqa: PLC0415  it needs a session with sources

    if not session.has_environment:
        session = session.with_options(project=session.project_found or str(Path.cwd()))
        return [known.manifest for known in known_providers(session, [])]
    return [known.manifest for known in known_providers(session)]


def _declared(session: Session) -> tuple[dict[str, tuple[str, ...]], str]:
    """Return the providers that a scan is compared with: the intent's, or the environment's where there is no intent."""
    if TABLE in parse(session.intent_text, str(session.intent_path)):
        apart = map(parse_provider_requirement, session.intent.isolated)
        wanted = (*session.intent.providers, *apart)
        return {requirement.id: requirement.extras for requirement in wanted}, str(session.intent_path)
    return {each.id: () for each in session.every_provider}, "the environment"


def _missing_extras(needs: tuple[Need, ...], declared: dict[str, tuple[str, ...]]) -> list[str]:
    return [
        f"{need.id}[{','.join(lacking)}]"
        for need in needs
        if need.id in declared and (lacking := sorted(set(need.extras) - set(declared[need.id]))) and not need.optional
    ]


def _requirement(need: Need) -> str:
    return str(ProviderRequirement(need.id, need.extras))


def _need_data(need: Need) -> dict[str, Any]:
    return {**need._asdict(), "extras": list(need.extras), "locations": [place._asdict() for place in need.locations]}


def _write(found: ScanResult, unused: list[str], session: Session, *, dry_run: bool) -> tuple[str, int]:
    """Write the needs into the intent. What seems unused is dropped only when nothing was left open."""
    from penstock_plugin_manager.change.execute_plan import intent_text  # noqa: PLC0415  as above

    needed = [ProviderRequirement(need.id, need.extras) for need in found.needs if not need.optional and need.known]
    intent = session.intent.with_requirements(needed)
    kept = ""
    if not found.unclear and not found.unreadable:
        intent = intent.without(unused)
    elif unused:
        kept = f" Kept although no file needs them, because reading could not decide everything: {', '.join(unused)}."
    unknown = [need.id for need in found.needs if not need.known]
    if unknown:
        kept += f" Not written, because no catalog knows them: {', '.join(unknown)}."
    check_ids({each.id for each in needed}, session)
    files: dict[str, str | None] = {str(session.intent_path): intent_text(session.intent_text, intent, session)}
    code = write_project(files, "scan --write", session, dry_run=dry_run)
    return f"{'Would write' if dry_run else 'Wrote'} {session.intent_path}.{kept}", code


def _lines(
    found: ScanResult, declared: dict[str, tuple[str, ...]], unused: list[str], against: str, *, every: bool
) -> list[str]:
    lines = []
    if found.needs:
        rows = [_row(need, declared) for need in found.needs]
        lines += table(("NEEDED", "STANDING", "FOUND AT", "AS"), rows)
        if every:
            for need in found.needs:
                lines += ["", style(_requirement(need), "bold"), *(_place(place) for place in need.locations)]
    else:
        lines.append("The files need no provider.")
    if unused:
        lines.append(f"Unused ({against}): {', '.join(unused)}")
    if found.unclear:
        lines += ["", style("Reading cannot decide:", "yellow"), *(_place(place) for place in found.unclear)]
    if found.unreadable:
        lines += ["", style("Cannot be read:", "red"), *(_place(place) for place in found.unreadable)]
    return lines


def _row(need: Need, declared: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    standing = (
        style("ok", "green")
        if need.id in declared
        else style("optional", "dim")
        if need.optional
        else style("missing", "red")
    )
    if need.id in declared and set(need.extras) - set(declared[need.id]):
        standing = style("extra missing", "red")
    if not need.known:
        standing += " (no catalog knows it)"
    first = need.locations[0]
    more = f" and {len(need.locations) - 1} more" if len(need.locations) > 1 else ""
    return (_requirement(need), standing, f"{_short(first.file)}:{first.line}{more}", first.what)


def _place(place: Location) -> str:
    return f"  {_short(place.file)}:{place.line}  {place.what}"


def _short(file: str) -> str:
    """Return a file's path for people: from the folder in which they stand, where it lies below that."""
    here = Path.cwd()
    return str(Path(file).relative_to(here)) if Path(file).is_relative_to(here) else file
