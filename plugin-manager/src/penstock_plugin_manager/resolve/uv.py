"""The adapter to uv."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from penstock_plugin_manager.errors import DiskError, ManagerError
from penstock_plugin_manager.index.client import Client
from penstock_plugin_manager.index.sources import Sources
from penstock_plugin_manager.installed.environment import Environment
from penstock_plugin_manager.model.lock import File, Lock, Locked, read_lock, write_lock
from penstock_plugin_manager.model.names import normalize
from penstock_plugin_manager.model.toml import key, parse, value
from penstock_plugin_manager.resolve.blame import Asked, blamed
from penstock_plugin_manager.resolve.hashes import hashed
from penstock_plugin_manager.resolve.process import Runner
from penstock_plugin_manager.resolve.request import Request


class Uv:
    """Resolves for all platforms and installs with uv."""

    name = "uv"
    universal = True

    def __init__(self, program: str, runner: Runner, client: Client) -> None:
        self._program, self._runner, self._client = program, runner, client

    def solve(self, request: Request, environment: Environment, sources: Sources) -> Lock:
        """Find exact distributions for a request, for every platform and every Python from the lowest on.

        uv writes files and hashes in one format and the reasons in another, so it is asked twice. The second answer
        is bound to the first one's versions and comes from uv's cache.
        """
        with asking(self._runner, sources) as tool, tempfile.TemporaryDirectory(prefix="penstock-") as folder:
            base = Path(folder)
            common = self._prepare(base, request, environment, sources)
            lock_file = base / "pylock.toml"
            solve = [*common, "--format", "pylock.toml", "--output-file", str(lock_file)]
            try:
                tool.run([*solve, "--offline"] if sources.offline else solve, "resolution")
            except ManagerError as error:
                raise blamed(error, Asked(environment, sources, self._client)) from None
            lock = read_lock(parse(lock_file.read_text(encoding="utf-8"), "uv's lock"), "uv's lock")
            needs = self._graph(tool, base, common, lock, sources)
        packages = tuple(
            each._replace(dependencies=tuple(sorted(needs.get(each.name, ()))))
            for each in map(_with_hashes, lock.packages)
        )
        return hashed(Lock(packages, request.python, request.roots, universal=True), self._client)

    def _prepare(self, base: Path, request: Request, environment: Environment, sources: Sources) -> list[str]:
        roots, limits = base / "roots.in", base / "constraints.txt"
        roots.write_text("\n".join(request.roots) + "\n", encoding="utf-8")
        limits.write_text("\n".join(request.constraints) + "\n", encoding="utf-8")
        kept = request.kept()
        if kept:
            (base / "pylock.toml").write_text(_preferences(kept), encoding="utf-8")
        command = [self._program, "pip", "compile", str(roots), "--constraints", str(limits), "--universal"]
        command += ["--python", environment.python, "--python-version", lowest(request.python, environment)]
        command += ["--no-header", "--quiet", *options(sources)]
        if request.newest_before:
            command += ["--exclude-newer", request.newest_before]
        if request.allow_prerelease:
            command += ["--prerelease", "allow"]
        return command

    def _graph(
        self, tool: Runner, base: Path, common: list[str], lock: Lock, sources: Sources
    ) -> Mapping[str, set[str]]:
        pinned = base / "pinned.txt"
        pinned.write_text("".join(_pin(each) for each in lock.packages if each.version), encoding="utf-8")
        command = [*common, "--annotation-style", "line", "--no-strip-extras", "--output-file", str(pinned)]
        self._from_cache_first(tool, command, "resolution", sources, show=False)
        return read_annotations(pinned.read_text(encoding="utf-8"))

    def _from_cache_first(self, tool: Runner, command: list[str], what: str, sources: Sources, *, show: bool) -> None:
        """Run uv without the network, and with it where the cache does not suffice.

        Versions and hashes are settled when this is called, so asking the index whether they still hold adds nothing. A disk
        that refuses ends it at once: uv takes what it left half installed for installed, and would call that a success.
        """
        quiet = tool._replace(show=False)
        if sources.offline:
            quiet.run([*command, "--offline"], what)
            return
        try:
            quiet.run([*command, "--offline"], what)
        except DiskError:
            raise
        except ManagerError:
            tool._replace(show=show).run(command, what)

    def install(
        self, packages: list[Locked], environment: Environment, sources: Sources, *, again: bool = False
    ) -> None:
        """Install exactly these distributions from the files that they name.

        uv would link files to those of its cache, so that an edit in one environment changes the cache and all others. A copy
        costs the time that writing it takes; on a file system with reflinks (btrfs, XFS, APFS) it costs no more than a link.
        """
        directories = [each for each in packages if each.directory]
        files = [each for each in packages if not each.directory]
        command = [self._program, "pip", "install", "--no-deps", "--link-mode", "copy", "--python", environment.python]
        command += ["--reinstall", "--no-cache"] if again else []
        show = self._runner.show
        command += [] if show else ["--quiet"]
        with asking(self._runner, sources) as tool, tempfile.TemporaryDirectory(prefix="penstock-") as folder:
            if files:
                path = Path(folder) / "pylock.toml"
                plain = tuple(each._replace(marker="", dependencies=()) for each in files)
                path.write_text(write_lock(Lock(plain, requires_python="")), encoding="utf-8")
                command_of_files = [*command, "--requirements", str(path)]
                try:
                    self._from_cache_first(tool, command_of_files, "installation", sources, show=show)
                except ManagerError as error:
                    raise blamed(error, Asked(environment, sources, self._client, files)) from None
            for each in directories:
                place = ["--editable", each.directory] if each.editable else [each.directory]
                self._from_cache_first(tool, [*command, *place], "installation", sources, show=show)

    def uninstall(self, names: list[str], environment: Environment) -> None:
        """Take distributions out."""
        quiet = [] if self._runner.show else ["--quiet"]
        self._runner.run([self._program, "pip", "uninstall", *quiet, "--python", environment.python, *names], "removal")

    def build(self, source: Path, folder: Path, *, base: str, sources: Sources) -> None:
        """Build the wheel of a source folder into another folder."""
        command = [self._program, "build", "--wheel", "--quiet", "--python", base]
        command += ["--out-dir", str(folder), *options(sources), *(["--offline"] if sources.offline else [])]
        with asking(self._runner, sources) as tool:
            tool.run([*command, str(source)], "build")

    def default_index(self) -> str:
        """Return the index that uv asks where nobody names one; it is above the answer to an empty question."""
        with asking(self._runner, Sources()) as tool, tempfile.TemporaryDirectory(prefix="penstock-") as folder:
            empty = Path(folder) / "empty.in"
            empty.touch()
            command = [self._program, "pip", "compile", str(empty), "--emit-index-url", "--no-header", "--quiet"]
            message = tool._replace(show=False).run(command, "search for the index")
        return next((line.split(maxsplit=1)[1] for line in message.splitlines() if line.startswith("--index-url ")), "")

    def create(self, root: str, base: str, *, again: bool = False) -> None:
        """Make an empty environment, or give one that is there another interpreter."""
        over = ["--allow-existing"] if again else []
        command = [self._program, "venv", "--quiet", "--no-project", "--no-config", "--python", base, *over, root]
        self._runner.run(command, "making of the environment")


@contextlib.contextmanager
def asking(runner: Runner, sources: Sources) -> Iterator[Runner]:
    """Give uv the sources by variables, which no list of processes shows, and its other settings by a file of their own."""
    network = sources.network
    certificates = network.certificates
    variables = {
        "UV_DEFAULT_INDEX": network.full_address(sources.indexes[-1]) if sources.indexes else "",
        "UV_INDEX": " ".join(network.full_address(each) for each in sources.indexes[:-1]),
        "UV_FIND_LINKS": ",".join(network.full_address(each).replace(",", "%2C") for each in sources.pages()),
        "UV_INDEX_STRATEGY": "first-index",
        "UV_KEYRING_PROVIDER": "subprocess" if network.keyring else "disabled",
        "UV_INSECURE_HOST": " ".join(network.trusted_hosts),
        **dict.fromkeys(("UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_NO_INDEX", "UV_CONFIG_FILE"), ""),
    }
    if certificates:
        variables["SSL_CERT_DIR" if Path(certificates).is_dir() else "SSL_CERT_FILE"] = certificates
    if network.client_certificate:
        variables["SSL_CLIENT_CERT"] = network.client_certificate
    if network.proxy:
        variables |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), network.proxy)
    with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
        if sources.rest:
            file = Path(folder, "uv.toml")
            file.write_text(
                "".join(f"{key(name)} = {value(each)}\n" for name, each in sources.rest.items()), encoding="utf-8"
            )
            variables["UV_CONFIG_FILE"] = str(file)
        yield runner.with_variables({**variables, "UV_NO_CONFIG": "" if sources.rest else "1"})


def options(sources: Sources) -> list[str]:
    """Return the options that name folders; what has passwords goes by variables."""
    found = [part for place in sources.folders() for part in ("--find-links", Path(place).as_uri())]
    return [*found, "--no-index"] if sources.no_index else found


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
