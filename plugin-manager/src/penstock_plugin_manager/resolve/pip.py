"""The adapter to pip, for machines without uv. Its locks serve the platform on which they are made."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from penstock_plugin_manager.errors import IncompatibleError, ManagerError, MissingError
from penstock_plugin_manager.installed.environment import Environment, markers
from penstock_plugin_manager.model.lock import File, Lock, Locked
from penstock_plugin_manager.model.names import normalize
from penstock_plugin_manager.model.requirement import Distribution, edges, wheel_parts
from penstock_plugin_manager.resolve.process import Runner, explain
from penstock_plugin_manager.resolve.request import Request, Sources


class Pip:
    """Resolves for one platform and installs with pip."""

    name = "pip"
    universal = False

    def __init__(self, python: str, runner: Runner) -> None:
        self._python = python
        self._runner = runner

    def solve(self, request: Request, environment: Environment, sources: Sources) -> Lock:
        """Find exact distributions for a request on this platform.

        pip knows no preferences: the kept versions are tried as constraints, and those that stand in the way are dropped
        until the rest can hold.

        Raises:
            IncompatibleError: requirements cannot be met together.
            MissingError: a distribution is in no source.
            ManagerError: the network is needed, and forbidden.
        """
        if sources.offline and not sources.find_links:
            raise ManagerError("The resolution needs the network, and --offline forbids it.", "Try without --offline.")
        kept = dict(request.kept())
        while True:
            try:
                report = self._report(request, kept, environment, sources)
            except (IncompatibleError, MissingError) as error:
                fewer = loosened(kept, error.detail)
                if fewer == kept:
                    raise
                kept = fewer
            else:
                return _lock(report, request, environment)

    def _report(
        self, request: Request, kept: Mapping[str, str], environment: Environment, sources: Sources
    ) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
            base = Path(folder)
            limits = [*request.constraints, *(f"{name}=={version}" for name, version in kept.items())]
            (base / "roots.in").write_text("\n".join(request.roots) + "\n", encoding="utf-8")
            (base / "limits.txt").write_text("\n".join(limits) + "\n", encoding="utf-8")
            command = [*self._pip(environment), "install", "--dry-run", "--ignore-installed", "--quiet"]
            command += ["--report", str(base / "report.json"), "--log", str(base / "log")]
            command += ["-r", str(base / "roots.in"), "-c", str(base / "limits.txt")]
            command += [*self._options(sources), *(["--pre"] if request.allow_prerelease else [])]
            try:
                self._runner.run(command, "resolution")
            except (IncompatibleError, MissingError) as error:
                raise reason(error, base / "log") from None
            data: dict[str, Any] = json.loads((base / "report.json").read_text(encoding="utf-8"))
        return data

    def install(
        self, packages: list[Locked], environment: Environment, sources: Sources, *, again: bool = False
    ) -> None:
        """Install exactly these distributions, from the sources by name and hash."""
        command = [*self._pip(environment), "install", "--no-deps", "--no-compile", *self._options(sources)]
        command += [] if self._runner.show else ["--quiet"]
        command += ["--force-reinstall", "--no-cache-dir"] if again else []
        named = [each for each in packages if not (each.directory or each.archive)]
        if named:
            with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
                path = Path(folder) / "pinned.txt"
                path.write_text("\n".join(pinned(named)) + "\n", encoding="utf-8")
                local = sorted({str(Path(each.path).parent) for pack in named for each in pack.wheels if each.path})
                links = [part for place in local for part in ("--find-links", place)]
                self._runner.run([*command, *links, "--requirement", str(path)], "installation")
        for each in packages:
            if each.directory or each.archive:
                place = ["--editable", each.directory] if each.editable else [each.directory or each.archive]
                self._runner.run([*command, *place], "installation")

    def uninstall(self, names: list[str], environment: Environment) -> None:
        """Take distributions out."""
        self._runner.run([*self._pip(environment), "uninstall", "--yes", "--quiet", *names], "removal")

    def indexes(self, sources: Sources) -> list[str]:
        """Return the indexes that pip would ask; its help names the default, its configuration the rest."""
        if sources.index_url:
            return [sources.index_url, *sources.extra_index_urls]
        base = [self._python, "-m", "pip"]
        message = self._runner.run([*base, "config", "list"], "search for indexes")
        found = re.findall(r"\.(?:extra-)?index-url='([^']+)'", message)
        default = re.search(
            r"\(default\s+(https?://\S+?)\)", self._runner.run([*base, "install", "--help"], "search for indexes")
        )
        own = [] if re.search(r"\.index-url=", message) or not default else [default[1]]
        return [*own, *(url for text in found for url in text.split("\\n")), *sources.extra_index_urls]

    def create(self, root: str, base: str) -> None:
        """Make an empty environment."""
        self._runner.run([base, "-m", "venv", "--without-pip", root], "making of the environment")

    def _pip(self, environment: Environment) -> list[str]:
        return [self._python, "-m", "pip", "--python", environment.python, "--disable-pip-version-check", "--no-input"]

    def _options(self, sources: Sources) -> list[str]:
        return [*sources.options(), "--no-index"] if sources.offline and not sources.no_index else sources.options()


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
    """Return an error with the reasons that pip gives in its log alone when it is quiet.

    An index that does not answer is to pip one without files, so it speaks of a conflict or of a missing distribution.
    """
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return error
    message = re.sub(r"^\d{4}-\d\d-\d\dT[\d:,]+ ?", "", text, flags=re.MULTILINE)
    unread = re.search(r"Could not fetch URL \S+: (?!404 ).*(?= - skipping)", message)
    if unread:
        return explain("resolution", unread[0], 1)
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
        lines.append(" ".join([f"{package.name}=={package.version}", *hashes]))
    return lines


def _files(package: Locked) -> list[File]:
    return [*package.wheels, *([package.sdist] if package.sdist else [])]


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
    sha256 = archive.get("hashes", {}).get("sha256", "") or archive.get("hash", "").removeprefix("sha256=")
    filename = unquote(urlsplit(url).path).rpartition("/")[2]
    locked = Locked(name, version, requires_python=data.get("requires_python", ""))
    if "dir_info" in download:
        editable = bool(download["dir_info"].get("editable", False))
        locked = locked._replace(directory=unquote(urlsplit(url).path), editable=editable)
    elif filename.endswith(".whl"):
        locked = locked._replace(wheels=(File(filename, url, sha256=sha256, size=_size(url)),))
    elif wheel_parts(filename):
        locked = locked._replace(sdist=File(filename, url, sha256=sha256, size=_size(url)))
    return dist, locked, tuple(item.get("requested_extras", ()))


def _size(url: str) -> int | None:
    if not url.startswith("file://"):
        return None
    try:
        return Path(unquote(urlsplit(url).path)).stat().st_size
    except OSError:
        return None
