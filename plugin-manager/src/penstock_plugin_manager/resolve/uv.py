"""The adapter to uv."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from penstock_plugin_manager.errors import DiskError, ManagerError
from penstock_plugin_manager.installed.environment import Environment
from penstock_plugin_manager.model.lock import File, Lock, Locked, read_lock, write_lock
from penstock_plugin_manager.model.names import normalize
from penstock_plugin_manager.model.toml import parse
from penstock_plugin_manager.resolve.process import Runner
from penstock_plugin_manager.resolve.request import Request, Sources


class Uv:
    """Resolves for all platforms and installs with uv."""

    name = "uv"
    universal = True

    def __init__(self, program: str, runner: Runner) -> None:
        self._program = program
        self._runner = runner

    def solve(self, request: Request, environment: Environment, sources: Sources) -> Lock:
        """Find exact distributions for a request, for every platform and every Python from the lowest on.

        uv writes files and hashes in one format and the reasons in another, so it is asked twice. The second answer
        is bound to the first one's versions and comes from uv's cache.
        """
        with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
            base = Path(folder)
            common = self._prepare(base, request, environment, sources)
            lock_file = base / "pylock.toml"
            solve = [*common, "--format", "pylock.toml", "--output-file", str(lock_file)]
            self._runner.run([*solve, "--offline"] if sources.offline else solve, "resolution")
            lock = read_lock(parse(lock_file.read_text(encoding="utf-8"), "uv's lock"), "uv's lock")
            needs = self._graph(base, common, lock, sources)
        packages = tuple(
            each._replace(dependencies=tuple(sorted(needs.get(each.name, ()))))
            for each in map(_with_hashes, lock.packages)
        )
        return Lock(packages, request.python, request.roots, universal=True)

    def _prepare(self, base: Path, request: Request, environment: Environment, sources: Sources) -> list[str]:
        roots, limits = base / "roots.in", base / "constraints.txt"
        roots.write_text("\n".join(request.roots) + "\n", encoding="utf-8")
        limits.write_text("\n".join(request.constraints) + "\n", encoding="utf-8")
        kept = request.kept()
        if kept:
            (base / "pylock.toml").write_text(_preferences(kept), encoding="utf-8")
        command = [self._program, "pip", "compile", str(roots), "--constraints", str(limits), "--universal"]
        command += ["--python", environment.python, "--python-version", lowest(request.python, environment)]
        command += ["--no-header", "--quiet", *sources.options()]
        if request.newest_before:
            command += ["--exclude-newer", request.newest_before]
        if request.allow_prerelease:
            command += ["--prerelease", "allow"]
        return command

    def _graph(self, base: Path, common: list[str], lock: Lock, sources: Sources) -> Mapping[str, set[str]]:
        pinned = base / "pinned.txt"
        pinned.write_text("".join(_pin(each) for each in lock.packages if each.version), encoding="utf-8")
        command = [*common, "--annotation-style", "line", "--no-strip-extras", "--output-file", str(pinned)]
        self._from_cache_first(command, "resolution", sources, show=False)
        return read_annotations(pinned.read_text(encoding="utf-8"))

    def _from_cache_first(self, command: list[str], what: str, sources: Sources, *, show: bool) -> None:
        """Run uv without the network, and with it where the cache does not suffice.

        Versions and hashes are settled when this is called, so asking the index whether they still hold adds nothing. A disk
        that refuses ends it at once: uv takes what it left half installed for installed, and would call that a success.
        """
        quiet = self._runner._replace(show=False)
        if sources.offline:
            quiet.run([*command, "--offline"], what)
            return
        try:
            quiet.run([*command, "--offline"], what)
        except DiskError:
            raise
        except ManagerError:
            self._runner._replace(show=show).run(command, what)

    def install(
        self, packages: list[Locked], environment: Environment, sources: Sources, *, again: bool = False
    ) -> None:
        """Install exactly these distributions from the files that they name.

        uv would link files to those of its cache, so that an edit in one environment changes the cache and all others. A copy
        costs the time that writing it takes; on a file system with reflinks (btrfs, XFS, APFS) it costs no more than a link.
        """
        directories = [each for each in packages if each.directory or each.archive]
        files = [each for each in packages if not (each.directory or each.archive)]
        command = [self._program, "pip", "install", "--no-deps", "--link-mode", "copy", "--python", environment.python]
        command += ["--reinstall", "--no-cache"] if again else []
        show = self._runner.show
        command += [] if show else ["--quiet"]
        if files:
            with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
                path = Path(folder) / "pylock.toml"
                plain = tuple(each._replace(marker="", dependencies=()) for each in files)
                path.write_text(write_lock(Lock(plain, requires_python="")), encoding="utf-8")
                self._from_cache_first([*command, "--requirements", str(path)], "installation", sources, show=show)
        for each in directories:
            place = ["--editable", each.directory] if each.editable else [each.directory or each.archive]
            self._from_cache_first([*command, *place], "installation", sources, show=show)

    def uninstall(self, names: list[str], environment: Environment) -> None:
        """Take distributions out."""
        quiet = [] if self._runner.show else ["--quiet"]
        self._runner.run([self._program, "pip", "uninstall", *quiet, "--python", environment.python, *names], "removal")

    def indexes(self, sources: Sources) -> list[str]:
        """Return the indexes that uv would ask; it names them above the answer to an empty question."""
        with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
            empty = Path(folder) / "empty.in"
            empty.write_text("", encoding="utf-8")
            command = [
                self._program,
                "pip",
                "compile",
                str(empty),
                "--emit-index-url",
                "--no-header",
                "--quiet",
                *sources.options(),
            ]
            message = self._runner._replace(show=False).run(command, "search for indexes")
        return [
            line.split(maxsplit=1)[1]
            for line in message.splitlines()
            if line.startswith(("--index-url ", "--extra-index-url "))
        ]

    def create(self, root: str, base: str) -> None:
        """Make an empty environment."""
        command = [self._program, "venv", "--quiet", "--no-project", "--no-config", "--python", base, root]
        self._runner.run(command, "making of the environment")


def lowest(python: str, environment: Environment) -> str:
    """Return the lowest Python of a range such as ``>=3.11``; the environment's own where the range names none."""
    found = re.search(r"(?:>=|~=|==)\s*(\d+\.\d+)", python)
    return found[1] if found else environment.short_version


def read_annotations(text: str) -> dict[str, set[str]]:
    """Read what needs what from uv's ``name==1 # via a, b`` lines.

    Returns:
        Each parent's children; a requirement of the user's own has no parent here.
    """
    children: dict[str, set[str]] = {}
    name = ""
    for line in text.splitlines():
        entry, _, via = line.partition("# via ")
        found = re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?(?:==| @ )", entry)
        if found:
            name = normalize(found[1])
        for parent in via.split(","):
            word = parent.strip()
            if name and word and not word.startswith(("-", "/")) and " " not in word and "(" not in word:
                children.setdefault(normalize(word.partition("[")[0]), set()).add(name)
    return children


def _pin(package: Locked) -> str:
    marker = f" ; {package.marker}" if package.marker else ""
    return f"{package.name}=={package.version}{marker}\n"


def _preferences(kept: list[tuple[str, str]]) -> str:
    packages = tuple(Locked(name, version, wheels=(_placeholder(name, version),)) for name, version in kept)
    return write_lock(Lock(packages)).partition("\n[tool.penstock]")[0]


def _placeholder(name: str, version: str) -> File:
    filename = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    return File(filename, url=f"https://preference.invalid/{filename}")


def _with_hashes(package: Locked) -> Locked:
    """Return a package whose local wheels carry size and hash; uv leaves the size out."""
    wheels = tuple(_local(each) for each in package.wheels)
    return package._replace(wheels=wheels)


def _local(file: File) -> File:
    if not file.url.startswith("file://"):
        return file
    try:
        return file._replace(size=os.stat(file.local_path).st_size)  # noqa: PTH116  a string is at hand
    except OSError:
        return file
