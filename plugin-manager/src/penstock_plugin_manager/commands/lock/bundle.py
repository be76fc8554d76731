"""``bundle``: wheels, lock and catalog in one file, for machines without a network."""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import zipfile
from pathlib import Path

from penstock_plugin_manager.apply.files import cannot_write
from penstock_plugin_manager.arguments import Parser, change_options
from penstock_plugin_manager.catalog.entry import write_catalog
from penstock_plugin_manager.change.execute_plan import change
from penstock_plugin_manager.change.policy import check_policy
from penstock_plugin_manager.change.request import ChangeRequest
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import (
    OK,
    UNVERIFIED,
    IncompatibleError,
    MissingError,
    UnverifiedError,
    UsageError,
    as_sentence,
)
from penstock_plugin_manager.model.lock import File, Lock, Locked, check_lock, file_tags, read_lock, write_lock
from penstock_plugin_manager.model.names import ProviderRequirement
from penstock_plugin_manager.model.requirement import human_size
from penstock_plugin_manager.model.toml import parse
from penstock_plugin_manager.output import Result, next_command

SCHEMA = 1
_INDEX, _LOCK, _CATALOG, _WHEELS = "bundle.json", "pylock.toml", "catalog.json", "wheels"
_PLATFORMS = {"linux": ("manylinux", "linux"), "musllinux": ("musllinux",), "macos": ("macosx",), "windows": ("win",)}
_MACHINES = {"x86_64": ("x86_64", "amd64", "universal2"), "aarch64": ("aarch64", "arm64", "universal2")}


def configure(parser: Parser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "action", choices=("create", "verify"), help="write a bundle of the project's lock, or check one"
    )
    parser.add_argument("file", nargs="?", metavar="FILE", help="the bundle to check")
    parser.add_argument("-o", "--output", metavar="FILE", help="the bundle to write")
    parser.add_argument(
        "--platform",
        action="append",
        metavar="P",
        help="such as linux-x86_64, macos-aarch64, windows-x86_64 (default: this one)",
    )
    parser.add_argument(
        "--for-python", metavar="X.Y", help="Python that the bundle serves (default: the environment's)"
    )
    parser.only(("output", "platform", "for_python"), lambda options: options.action == "create", "with create")
    parser.only(("file",), lambda options: options.action == "verify", "with verify")


def run(options: argparse.Namespace, session: Session) -> Result:
    """Put wheels, lock and catalog into one file, or check such a file. ``install --from-bundle`` needs no network.

    Raises:
        UsageError: the file is not named.
    """
    if options.action == "verify":
        if not options.file:
            raise UsageError("bundle verify needs a file.", "Such as: plugin-manager bundle verify FILE")
        findings = bundle_findings(Path(options.file))
        return Result({"findings": findings}, findings or ["The bundle is whole."], UNVERIFIED if findings else OK)
    if not options.output:
        raise UsageError("bundle create needs a file to write.", "Give it with -o FILE.")
    return _create(options, session)


def _create(options: argparse.Namespace, session: Session) -> Result:
    if session.lock is None:
        raise MissingError(f"There is no lock {session.lock_path}.", "Make one with: plugin-manager lock")
    if session.intent.isolated:
        raise IncompatibleError(
            f"A bundle holds one environment, and these providers have their own: {', '.join(session.intent.isolated)}.",
            "Carry their wheels besides: plugin-manager sync --frozen --find-links DIR makes them from their locks.",
        )
    check_policy(session.lock.packages, session.intent, session)
    python = options.for_python or session.environment.short_version
    platforms = options.platform or [_here(session)]
    for platform in platforms:
        _split(platform)
    chosen = {package.name: _chosen(package, python, platforms) for package in session.lock.packages}
    files = [file for found in chosen.values() for file in found]
    target = Path(options.output)
    temporary = target.with_name(f".{target.name}.partial")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for file in files:
                archive.writestr(f"{_WHEELS}/{file.name}", _body(file, session))
            papers = {
                _LOCK: write_lock(_inside(session.lock, chosen)),
                _CATALOG: json.dumps(write_catalog(session.catalog.values()), indent=1),
            }
            for name, text in papers.items():
                archive.writestr(name, text)
            hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in papers.items()}
            facts = {"schema": SCHEMA, "python": python, "platforms": platforms, "sha256": hashes}
            archive.writestr(_INDEX, json.dumps(facts, indent=1))
        temporary.replace(target)
    except OSError as error:
        raise cannot_write(target, error) from None
    finally:
        temporary.unlink(missing_ok=True)
    size = target.stat().st_size
    data = {"file": str(target), "wheels": len(files), "size": size, "python": python, "platforms": platforms}
    message = f"Wrote {target}: {len(files)} wheels for Python {python} on {', '.join(platforms)}, {human_size(size)}."
    return Result(data, [message, next_command(f"install --from-bundle {target}")])


def _here(session: Session) -> str:
    systems = {"linux": "linux", "darwin": "macos", "win32": "windows"}
    machine = session.markers["platform_machine"].lower()
    return f"{systems.get(session.markers['sys_platform'], 'linux')}-{'aarch64' if machine in {'arm64', 'aarch64'} else 'x86_64'}"


def _split(platform: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    system, _, machine = platform.partition("-")
    if system not in _PLATFORMS or machine not in _MACHINES:
        known = ", ".join(f"{one}-{two}" for one in _PLATFORMS for two in _MACHINES)
        raise UsageError(f"{platform!r} is no platform.", f"Known: {known}.")
    return _PLATFORMS[system], _MACHINES[machine]


def _chosen(package: Locked, python: str, platforms: list[str]) -> list[File]:
    """Return the wheels of a package that serve the platforms, or raise where one has none.

    A marker is judged for this machine's platform alone, so a package that another platform may not need is taken along.
    """
    if package.directory or package.archive:
        raise IncompatibleError(
            f"{package.name} comes from {package.directory or (package.archive.place if package.archive else '')}, not from a wheel.",
            "Build a wheel of it first.",
        )
    found: dict[str, File] = {}
    for platform in platforms:
        mine = [
            file
            for file in package.wheels
            if any(_fits(tag, python, *_split(platform)) for tag in file_tags(file.name))
        ]
        if not mine and not package.marker:
            raise IncompatibleError(f"{package.name} {package.version} has no wheel for Python {python} on {platform}.")
        found |= {file.name: file for file in mine}
    return [found[name] for name in sorted(found)]


def _fits(tag: str, python: str, systems: tuple[str, ...], machines: tuple[str, ...]) -> bool:
    interpreter, abi, platform = tag.split("-", 2)
    wanted = f"cp{python.replace('.', '')}"
    major, minor = (int(part) for part in python.split("."))
    older = interpreter.startswith(f"cp{major}") and interpreter[3:].isdigit() and int(interpreter[3:]) <= minor
    right = interpreter in {wanted, "py3", f"py{major}{minor}"} or (abi == "abi3" and older)
    if not right or (abi not in {"none", "abi3", wanted}):
        return False
    return platform == "any" or (
        platform.startswith(systems) and platform.endswith((*machines, "win32" if "amd64" in machines else "-"))
    )


def _body(file: File, session: Session) -> bytes:
    body = session.client.fetch(file.url or file.path).body
    if file.sha256 and hashlib.sha256(body).hexdigest() != file.sha256:
        raise UnverifiedError(
            f"{file.name} is not the file in the lock: its hash differs.", "Do not ship it; ask who changed it."
        )
    return body


def _inside(lock: Lock, chosen: dict[str, list[File]]) -> Lock:
    packages = []
    for package in lock.packages:
        wheels = tuple(file._replace(url="", path=f"{_WHEELS}/{file.name}") for file in chosen[package.name])
        if wheels:
            packages.append(package._replace(wheels=wheels, sdist=None))
    return lock._replace(packages=tuple(packages))


def bundle_findings(path: Path) -> list[str]:
    """Return what is wrong with a bundle: files that are missing, changed or not in its lock.

    Raises:
        MissingError: there is no such file.
        UnverifiedError: it is no bundle.
    """
    with _open(path) as archive:
        names = set(archive.namelist())
        lock = _lock_of(archive, path)
        wanted = {f"{_WHEELS}/{file.name}": file for package in lock.packages for file in package.wheels}
        findings = [f"{name} is missing" for name in sorted(set(wanted) - names)]
        findings += [f"{name} is not in the lock" for name in sorted(names - set(wanted) - {_INDEX, _LOCK, _CATALOG})]
        findings += [
            f"{name} is not the file in the lock: its hash differs"
            for name in sorted(set(wanted) & names)
            if _digest(archive, name) != wanted[name].sha256
        ]
        noted = json.loads(archive.read(_INDEX)).get("sha256", {})
        findings += [
            f"{name} was changed after the bundle was made: its hash differs"
            for name in (_LOCK, _CATALOG)
            if _digest(archive, name) != noted.get(name)
        ]
    return findings


def _digest(archive: zipfile.ZipFile, name: str) -> str:
    """Return the SHA-256 of a member; "" if it cannot be read."""
    try:
        return hashlib.sha256(archive.read(name)).hexdigest()
    except (KeyError, zipfile.BadZipFile, OSError):
        return ""


def _open(path: Path) -> zipfile.ZipFile:
    if not path.is_file():
        raise MissingError(f"There is no bundle {path}.", "Make one with: plugin-manager bundle create -o FILE")
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise UnverifiedError(f"{path} is no bundle: {as_sentence(error)}", "Copy it again.") from None


def _lock_of(archive: zipfile.ZipFile, path: Path) -> Lock:
    try:
        index = json.loads(archive.read(_INDEX))
        text = archive.read(_LOCK).decode("utf-8")
    except (KeyError, ValueError, zipfile.BadZipFile):
        raise UnverifiedError(f"{path} is no bundle: its lock or index is missing.", "Make it again.") from None
    if index.get("schema") != SCHEMA:
        raise UnverifiedError(
            f"{path} has bundle schema {index.get('schema')!r}; this manager reads {SCHEMA}.", "Update the manager."
        )
    name = f"the lock in {path}"
    return check_lock(read_lock(parse(text, name), name), name)


def install_from_bundle(
    requirements: list[ProviderRequirement], options: argparse.Namespace, session: Session
) -> Result:
    """Install from a bundle, without network: the given providers, or all that the bundle's lock was made for.

    Raises:
        UnverifiedError: the bundle is not whole.
    """
    path = Path(options.from_bundle)
    findings = bundle_findings(path)
    if findings:
        raise UnverifiedError(f"{path} is not whole: {findings[0]}.", "Copy it again.", "\n".join(findings[1:]))
    with tempfile.TemporaryDirectory(prefix="penstock-bundle-") as folder, _open(path) as archive:
        archive.extractall(folder)
        lock = _lock_of(archive, path)
        session = session.with_options(
            no_index=True,
            offline=True,
            find_links=(str(Path(folder) / _WHEELS),),
            catalogs=(str(Path(folder) / _CATALOG),),
            ignore_lock=True,
        )
        intent = session.intent.with_requirements(requirements or _requirements_of(lock, session))
        title = f"install --from-bundle {path.name}"
        return _settled(
            change(lambda: ChangeRequest(title, intent), title, change_options(options), session), lock, session
        )


def _requirements_of(lock: Lock, session: Session) -> list[ProviderRequirement]:
    """Return a requirement for each provider among a bundle's roots."""
    by_distribution = {entry.distribution: entry.id for entry in session.catalog.values()}
    from penstock_plugin_manager.model.names import id_of_distribution, normalize  # noqa: PLC0415  the rare way
    from penstock_plugin_manager.model.requirement import parse_requirement  # noqa: PLC0415  as above

    found = []
    for root in lock.roots:
        parsed = parse_requirement(root)
        name = normalize(parsed.name) if parsed else ""
        provider_id = by_distribution.get(name) or id_of_distribution(name)
        if provider_id and parsed:
            found.append(ProviderRequirement(provider_id, tuple(sorted(parsed.extras)), str(parsed.specifier)))
    return found


def _settled(result: Result, lock: Lock, session: Session) -> Result:
    """Write the bundle's own lock as the project's: the one that was made from the unpacked files names a folder that is gone."""
    from penstock_plugin_manager.apply.files import write_files  # noqa: PLC0415  the rare way

    if result.data.get("applied"):
        write_files({str(session.lock_path): session.lock_text(lock)})
    return result
