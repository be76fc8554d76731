"""Environments that uv makes for tasks: each made once, kept under the hash of what it holds, and deleted when nobody uses it."""

import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from penstock.author.operators.child_process import ChildProcess
from penstock.author.timetable.dates import utc_now
from penstock.errors import PenstockError, as_sentence

MOST_KEPT, KEPT_DAYS = 50, 30
"""Environments that are kept at most, and for how many days after their last use."""
_WHOLE = "penstock-whole"
"""The file that an environment has once all of it is there."""


class EnvironmentFailedError(PenstockError):
    """An environment of a task cannot be made; its log holds what uv said."""


class EnvironmentSpec(NamedTuple):
    """What an environment is made of; equal ones are one.

    Attributes:
        requirements: Text of a requirements file.
        python: Version or path of the interpreter, as uv takes it.
        system_packages: Whether packages of that interpreter's own installation are seen.
        options: Further arguments of ``uv pip install``.
    """

    requirements: str
    python: str
    system_packages: bool = False
    options: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The name of the environment's folder."""
        lines = sorted(line.strip() for line in self.requirements.splitlines())
        packed = json.dumps([lines, self.python, self.system_packages, self.options])
        return hashlib.blake2b(packed.encode(), digest_size=16).hexdigest()


def usual_folder(environ: Mapping[str, str]) -> Path:
    """Where environments are kept unless the task says otherwise: in the cache of the user (XDG base directories)."""
    cache = environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache, "penstock", "environments")


@contextmanager
def kept(wanted: EnvironmentSpec, folder: Path, child: ChildProcess) -> Iterator[Path]:
    """Hold an environment while it is used; it is made if it is not there.

    Args:
        wanted: What it is made of.
        folder: Where environments are kept.
        child: Runs uv, whose output goes to the log.

    Yields:
        Its Python.

    Raises:
        EnvironmentFailedError: It cannot be made.
    """
    home = folder / wanted.key
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = _locked(folder / f"{wanted.key}.lock", fcntl.LOCK_SH)
    except OSError as error:
        raise EnvironmentFailedError(
            f"environments cannot be kept in {folder}: {as_sentence(error)} Name another folder by venv_cache_path."
        ) from None
    try:
        if not (home / _WHOLE).exists():
            fcntl.flock(
                lock, fcntl.LOCK_EX
            )  # lets go of the shared lock first, so that another one may make it meanwhile
            if not (home / _WHOLE).exists():
                _delete_unused(folder, home)
                _make(wanted, home, child)
            fcntl.flock(lock, fcntl.LOCK_SH)
        os.utime(lock)
        yield home / "bin" / "python"
    finally:
        os.close(lock)


def _locked(path: Path, how: int) -> int:
    """Open and lock a file that others may delete: what is locked is the one that is there."""
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, how)
            with suppress(FileNotFoundError):
                if os.fstat(lock).st_ino == path.stat().st_ino:
                    return lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)


def _make(wanted: EnvironmentSpec, home: Path, child: ChildProcess) -> None:
    shutil.rmtree(home, ignore_errors=True)  # what somebody began who was killed
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        raise EnvironmentFailedError("there is no uv on this machine, which makes environments: pip install uv")
    system = ["--system-site-packages"] if wanted.system_packages else []
    steps = [[uv, "venv", "--quiet", "--no-project", "--python", wanted.python, *system, str(home)]]
    if wanted.requirements.strip():
        requirements = home / "penstock-requirements.txt"
        install = [uv, "pip", "install", "--quiet", "--python", str(home / "bin" / "python"), *wanted.options]
        steps.append([*install, "--requirements", str(requirements)])
    for step in steps:
        code, last = child.run(step)
        if code:
            shutil.rmtree(home, ignore_errors=True)
            what = "pip install" if "install" in step else "venv"
            # uv may end with a mark below what it means.
            message = f": {last.strip()}" if any(map(str.isalnum, last)) else ""
            raise EnvironmentFailedError(
                f"uv {what} ended with exit code {code}{message}; what uv wrote is in the log."
            )
        if step is steps[0]:
            (home / "penstock-requirements.txt").write_text(wanted.requirements + "\n", encoding="utf-8")
    (home / _WHOLE).touch()


def _delete_unused(folder: Path, but: Path) -> None:
    """Delete environments that are old or too many, those in use excepted."""
    with suppress(OSError):
        locks = sorted(folder.glob("*.lock"), key=lambda path: -path.stat().st_mtime)
        oldest = utc_now().timestamp() - KEPT_DAYS * 86400
        for number, path in enumerate(locks, 1):
            if path.stem != but.name and (number > MOST_KEPT or path.stat().st_mtime < oldest):
                with suppress(BlockingIOError):
                    lock = _locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder / path.stem, ignore_errors=True)
                    path.unlink()
                    os.close(lock)


def requirements_text(given: "str | Sequence[str] | None") -> str:
    """Write requirements as the text of a requirements file."""
    return given if isinstance(given, str) else "\n".join(given or ())
