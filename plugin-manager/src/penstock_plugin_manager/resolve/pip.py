"""The adapter to pip, for machines without uv. Its locks serve the platform on which they are made."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from penstock_plugin_manager.errors import IncompatibleError, ManagerError, MissingError
from penstock_plugin_manager.index.client import Client
from penstock_plugin_manager.index.simple import Project
from penstock_plugin_manager.index.sources import Sources
from penstock_plugin_manager.installed.environment import Environment, markers
from penstock_plugin_manager.model.lock import File, Lock, Locked
from penstock_plugin_manager.model.names import normalize
from penstock_plugin_manager.model.requirement import Distribution, edges, parse_requirement, wheel_parts
from penstock_plugin_manager.resolve.blame import Asked, blamed, needs_an_address
from penstock_plugin_manager.resolve.hashes import hashed
from penstock_plugin_manager.resolve.loopback import LoopbackIndex, loopback_index
from penstock_plugin_manager.resolve.process import Runner
from penstock_plugin_manager.resolve.request import Request


class Pip:
    """Resolves for one platform and installs with pip."""

    name = "pip"
    universal = False

    def __init__(self, program: str, runner: Runner, client: Client) -> None:
        """Take a pip.

        Args:
            program: The file by which it is started by the Python of the environment that it works on.
            runner: How it is run.
            client: How the sources are asked.
        """
        self._program, self._runner, self._client = program, runner, client
        self._known: dict[str, Project] = {}

    def solve(self, request: Request, environment: Environment, sources: Sources) -> Lock:
        """Find exact distributions for a request on this platform.

        pip knows no preferences: the kept versions are tried as constraints, and those that stand in the way are dropped
        until the rest can hold.

        Raises:
            IncompatibleError: requirements cannot be met together.
            MissingError: a distribution is in no source.
            ManagerError: the network is needed, and forbidden.
        """
        if sources.offline and not sources.folders():
            raise ManagerError("The resolution needs the network, and --offline forbids it.", "Try without --offline.")
        with self._asking(sources) as (tool, options, index):
            asked = Asked(environment, sources, self._client)
            try:
                report = self._solved(tool, options, index, request, asked)
            except (IncompatibleError, MissingError) as error:
                raise blamed(error, asked) from None
            _raise_first(index)
            _refuse_addresses(report, request)
        return hashed(_with_origins(_lock(report, request, environment), index), self._client)

    def _solved(
        self, tool: Runner, options: list[str], index: LoopbackIndex | None, request: Request, asked: Asked
    ) -> dict[str, Any]:
        kept = dict(request.kept())
        while True:
            try:
                return self._report(tool, options, request, kept, asked)
            except ManagerError as error:
                _raise_first(index)
                if not isinstance(error, IncompatibleError | MissingError):
                    raise
                fewer = loosened(kept, error.detail)
                if fewer == kept:
                    raise
                kept = fewer

    def _report(
        self, tool: Runner, options: list[str], request: Request, kept: Mapping[str, str], asked: Asked
    ) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
            base = Path(folder)
            limits = [*request.constraints, *(f"{name}=={version}" for name, version in kept.items())]
            (base / "roots.in").write_text("\n".join(request.roots) + "\n", encoding="utf-8")
            (base / "limits.txt").write_text("\n".join(limits) + "\n", encoding="utf-8")
            command = [*self._pip(asked.environment), "install", "--dry-run", "--ignore-installed", "--quiet"]
            command += ["--report", str(base / "report.json"), "--log", str(base / "log")]
            command += ["-r", str(base / "roots.in"), "-c", str(base / "limits.txt")]
            command += [*options, *(["--pre"] if request.allow_prerelease else [])]
            try:
                tool.run(command, "resolution")
            except (IncompatibleError, MissingError) as error:
                raise reason(error, base / "log") from None
            except ManagerError as error:
                raise blamed(error, asked, "\n".join(reversed(_collected(base / "log")))) from None
            data: dict[str, Any] = json.loads((base / "report.json").read_text(encoding="utf-8"))
        return data

    def install(
        self, packages: list[Locked], environment: Environment, sources: Sources, *, again: bool = False
    ) -> None:
        """Install exactly these distributions, from the sources by name and hash."""
        command = [*self._pip(environment), "install", "--no-deps", "--no-compile"]
        command += [] if self._runner.show else ["--quiet"]
        command += ["--force-reinstall", "--no-cache-dir"] if again else []
        named = [each for each in packages if not each.directory]
        local = sorted({str(Path(each.local_path).parent) for pack in named for each in pack.wheels if each.local_path})
        links = [part for place in local for part in ("--find-links", Path(place).absolute().as_uri())]
        with self._asking(sources) as (tool, options, index), tempfile.TemporaryDirectory(prefix="penstock-") as folder:
            command += options
            if named:
                path = Path(folder) / "pinned.txt"
                path.write_text("\n".join(pinned(named)) + "\n", encoding="utf-8")
                try:
                    tool.run([*command, *links, "--requirement", str(path)], "installation")
                except ManagerError as error:
                    _raise_first(index)
                    raise blamed(error, Asked(environment, sources, self._client, named)) from None
            for each in packages:
                if each.directory:
                    place = ["--editable", each.directory] if each.editable else [each.directory]
                    tool.run([*command, *place], "installation")

    @contextmanager
    def _asking(self, sources: Sources) -> Iterator[tuple[Runner, list[str], LoopbackIndex | None]]:
        """Give pip the sources and nothing else: how it is run, its options, and the index that it is shown."""
        links = [part for place in sources.folders() for part in ("--find-links", Path(place).as_uri())]
        if sources.offline or (sources.no_index and not sources.pages()):
            yield self._runner.with_variables(_ALONE), [*links, "--no-index"], None
            return
        pages = sources._replace(find_links=tuple(sources.pages()))
        with loopback_index(pages, self._client, self._known) as index:
            yield self._runner.with_variables(_ALONE), [*links, "--index-url", index.url], index

    def uninstall(self, names: list[str], environment: Environment) -> None:
        """Take distributions out."""
        self._runner.run([*self._pip(environment), "uninstall", "--yes", "--quiet", *names], "removal")

    def build(self, source: Path, folder: Path, *, base: str, sources: Sources) -> None:
        """Build the wheel of a source folder into another folder."""
        with self._asking(sources) as (tool, options, index):
            command = [
                base,
                self._program,
                "--disable-pip-version-check",
                "--no-input",
                "wheel",
                "--quiet",
                "--no-deps",
            ]
            try:
                tool.run([*command, *options, "--wheel-dir", str(folder), str(source)], "build")
            except ManagerError:
                _raise_first(index)
                raise

    def default_index(self) -> str:
        """Return the index that pip asks where nobody names one; its help names it."""
        command = [sys.executable, self._program, "install", "--help"]
        message = self._runner.with_variables(_ALONE).run(command, "search for the index")
        found = re.search(r"\(default\s+(https?://\S+?)\)", message)
        return found[1] if found else ""

    def create(self, root: str, base: str, *, again: bool = False) -> None:
        """Make an empty environment, or give one that is there another interpreter."""
        del again  # the standard library's own tool writes over what is there
        self._runner.run([base, "-m", "venv", "--without-pip", root], "making of the environment")

    def _pip(self, environment: Environment) -> list[str]:
        # `--python` would start two interpreters for this, each of which loads all of pip
        return [environment.python, self._program, "--disable-pip-version-check", "--no-input"]


# What the machine says of indexes the manager has read; pip is to see the index that it is shown alone.
_ALONE = {
    **dict.fromkeys(
        ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_PROXY", "PIP_CERT"), ""
    ),
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_KEYRING_PROVIDER": "disabled",
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
}


def _raise_first(index: LoopbackIndex | None) -> None:
    """Raise what kept the sources from being asked: pip goes on without them, and calls the name unknown."""
    for _, problem in sorted(index.problems.items()) if index else ():
        raise problem


def _refuse_addresses(report: Mapping[str, Any], request: Request) -> None:
    """Refuse what pip has taken from an address because a package names one: no index and no lock of ours vouches for it."""
    wanted = {normalize(parsed.name) for text in request.roots if (parsed := parse_requirement(text))}
    editable = any(text.startswith("-e") for text in request.roots)
    for item in report["install"]:
        name, place = normalize(item["metadata"]["name"]), item["download_info"]
        if item.get("is_direct") and name not in wanted and not (editable and "dir_info" in place):
            raise needs_an_address("A package", name, place["url"], "")


def _collected(log: Path) -> list[str]:
    """Return the lines of pip's log that name what it was at, in order."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return re.findall(r"^\S+ +((?:Collecting|Processing) .*)$", text, re.MULTILINE)


def _with_origins(lock: Lock, index: LoopbackIndex | None) -> Lock:
    """Return a lock whose files are named by where they come from."""
    if index is None:
        return lock
    packages = []
    for each in lock.packages:
        wheels = tuple(file._replace(url=index.origin(file.url)) for file in each.wheels)
        sdist = each.sdist._replace(url=index.origin(each.sdist.url)) if each.sdist else None
        packages.append(each._replace(wheels=wheels, sdist=sdist))
    return lock._replace(packages=tuple(packages))


def loosened(kept: Mapping[str, str], message: str) -> dict[str, str]:
    """Return the kept versions without those that stood in the way of a solution.

    Args:
        kept: Versions that were tried as constraints, by name.
        message: What pip said of the failure.

    Returns:
        None of them where pip blames none; all of them where no source has a distribution at all, as nothing would help then.
    """
    blamed = {normalize(name) for name in re.findall(r"\(constraint\) ([A-Za-z0-9._-]+)==", message)} & set(kept)
    if not blamed and "(from versions: none)" in message:
        return dict(kept)
    return {name: version for name, version in kept.items() if blamed and name not in blamed}


def reason(error: ManagerError, log: Path) -> ManagerError:
    """Return an error with the reasons that pip gives in its log alone when it is quiet."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return error
    message = re.sub(r"^\d{4}-\d\d-\d\dT[\d:,]+ ?", "", text, flags=re.MULTILINE)
    causes = re.search(r"^The conflict is caused by:\n((?:    .*\n)+)", message, re.MULTILINE)
    if causes:
        error.detail = "\n".join(line.strip() for line in causes[1].splitlines())
    return error


def pinned(packages: list[Locked]) -> list[str]:
    """Return requirement lines with hashes; without any where one file has none, as pip wants all or nothing."""
    hashed = all(each.sha256 for package in packages for each in _files(package))
    lines = []
    for package in packages:
        hashes = [f"--hash=sha256:{each.sha256}" for each in _files(package)] if hashed else []
        archive = package.archive
        place = (archive.url or Path(archive.path).absolute().as_uri()) if archive else ""
        lines.append(
            " ".join([f"{package.name} @ {place}" if place else f"{package.name}=={package.version}", *hashes])
        )
    return lines


def _files(package: Locked) -> list[File]:
    return [*package.wheels, *(each for each in (package.sdist, package.archive) if each)]


def _lock(report: dict[str, Any], request: Request, environment: Environment) -> Lock:
    entries = [_entry(item) for item in report["install"]]
    present = {dist.name: dist for dist, _, _ in entries}
    values = markers(environment)
    requested = {dist.name: extras for dist, _, extras in entries}
    packages = []
    for dist, locked, _ in entries:
        needs = {edge.child for edge in edges(dist, values, requested.get(dist.name, ()))} & set(present)
        packages.append(locked._replace(dependencies=tuple(sorted(needs))))
    where = f"sys_platform == '{values['sys_platform']}' and python_version == '{values['python_version']}'"
    return Lock(tuple(packages), request.python, request.roots, universal=False, environments=(where,))


def _entry(item: dict[str, Any]) -> tuple[Distribution, Locked, tuple[str, ...]]:
    data, download = item["metadata"], item["download_info"]
    name, version, url = normalize(data["name"]), data["version"], download["url"]
    dist = Distribution(name, version, tuple(data.get("requires_dist", ())))
    archive = download.get("archive_info", {})
    digests = dict([archive["hash"].split("=", 1)] if "=" in archive.get("hash", "") else []) | archive.get(
        "hashes", {}
    )
    sha256 = digests.pop("sha256", "")
    other = next((f"{algorithm}={digest}" for algorithm, digest in digests.items()), "")
    filename = unquote(urlsplit(url).path).rpartition("/")[2]
    locked = Locked(name, version, requires_python=data.get("requires_python", ""))
    if "dir_info" in download:
        editable = bool(download["dir_info"].get("editable", False))
        locked = locked._replace(directory=unquote(urlsplit(url).path), editable=editable)
    elif filename.endswith(".whl"):
        locked = locked._replace(wheels=(File(filename, url, sha256=sha256, size=_size(url), other_hash=other),))
    elif wheel_parts(filename):
        locked = locked._replace(sdist=File(filename, url, sha256=sha256, size=_size(url), other_hash=other))
    return dist, locked, tuple(item.get("requested_extras", ()))


def _size(url: str) -> int | None:
    if not url.startswith("file://"):
        return None
    try:
        return Path(unquote(urlsplit(url).path)).stat().st_size
    except OSError:
        return None
