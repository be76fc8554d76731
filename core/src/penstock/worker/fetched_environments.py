"""The folder of a worker's environments: those of isolated providers, each made once of what the server has, and shared by all tries.

An environment is a `venv` of this machine's own interpreter, with the very files that the server's has. It is named by the hash of all of
them, and is there whole or not at all; whoever makes one holds a lock that others wait at, for a while: it only spares them the work.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
import venv
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path, PurePosixPath

from penstock import __version__
from penstock.errors import RequestError
from penstock.model.remote.execution_messages import EnvironmentLock, LockedDistribution
from penstock.plugins.locked_environments import LARGEST, OF_THE_INTERPRETER, libc_here
from penstock.processes.draft import draft_of, finish_draft, write_listed
from penstock.spec.archives.listed_archives import EXECUTABLE, LIST, hash_of_file, listed_contents, listed_files
from penstock.spec.workers.shared_cache import SharedCache

MOST_KEPT = 12
"""Environments; each is tens of megabytes, or thousands."""
MOST_DISTRIBUTIONS = 1_000
COMPILING_S = 300.0
PATIENCE_S = 120.0
"""Seconds for which a worker waits while another one makes an environment: one that was stopped in its midst holds up nobody for longer."""
_CORE = "penstock_core"
_POLL_S = 0.2


class FetchedEnvironments:
    """Environments by their content hash.

    Args:
        folder: Where they are kept, by any number of workers; made if need be.
        leaving: Set when the worker ends, and waits for nobody any more.
    """

    def __init__(self, folder: Path, leaving: threading.Event) -> None:
        self._folder, self._folders, self._leaving = folder, SharedCache(folder, MOST_KEPT), leaving
        self._proven: set[str] = set()

    def held(self, lock: EnvironmentLock, fetch: Callable[[str], bytes]) -> AbstractContextManager[Path]:
        """Hold an environment while a try uses it; it is made unless it is here, and others that are in excess are removed.

        Args:
            lock: What it holds.
            fetch: Gives a packed distribution by ``DIGEST``, further portions of it by ``DIGEST/NUMBER``, and a piece of a large file
                of it by ``DIGEST/HASH/OFFSET``; nothing beyond the last one, and at the file's end.

        Returns:
            A context manager; it gives the environment's folder.

        Raises:
            RequestError: It is for another kind of machine, or what was fetched is something else.
            OSError: The folder cannot be used.
        """
        _check(lock)
        return self._folders.held(lock.digest, lambda: self._put(lock, fetch), self._is_sound)

    def _put(self, lock: EnvironmentLock, fetch: Callable[[str], bytes]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if os.statvfs(self._folder).f_flag & os.ST_NOEXEC:
            raise RequestError(
                f"environments cannot be kept in {self._folder}: it is mounted noexec, so that no compiled module can be loaded from it. "
                "Mount it exec, or name another folder by --folder."
            )
        target = self._folder / lock.digest
        with self._locked():
            if target.is_dir():
                return
            draft = draft_of(self._folder)
            try:
                _make(lock, fetch, draft, target)
                finish_draft(draft, target)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        self._proven.add(lock.digest)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold a lock that ends with this process; whoever has waited for long goes on without it."""
        path = self._folder.with_name(f"{self._folder.name}.lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            for _ in range(int(PATIENCE_S / _POLL_S)):
                with suppress(BlockingIOError):
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                if self._leaving.wait(_POLL_S):
                    break
            yield
        finally:
            os.close(descriptor)

    def _is_sound(self, path: Path) -> bool:
        """Whether an environment holds what it did when it was made: a task may have written into it, or a cleaner have been here."""
        if path.name in self._proven:
            return True
        try:
            for found, name in listed_files((path / LIST).read_bytes()):
                if hash_of_file(path / name) != found.removesuffix(EXECUTABLE):
                    return False
        except (OSError, ValueError):
            return False
        self._proven.add(path.name)
        return True


def python_of(environment: Path) -> Path:
    """The interpreter of an environment."""
    return environment / "bin" / "python"


def _check(lock: EnvironmentLock) -> None:
    """Raise RequestError for an environment that is of no use here."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    abi = sysconfig.get_config_var("SOABI") or ""
    if (lock.python, lock.abi) != (python, abi):
        raise RequestError(
            f"the environment of provider {lock.provider!r} is made for Python {lock.python} ({lock.abi}), and this worker has {python} "
            f"({abi}): run workers by the Python and on the kind of machine that the server has."
        )
    if lock.libc > (here := libc_here()):
        needed, found = (".".join(map(str, each)) or "none" for each in (lock.libc, here))
        raise RequestError(
            f"the environment of provider {lock.provider!r} needs a glibc of {needed}, and this worker's machine has {found}: run workers "
            "on a system as new as the server's."
        )
    core = next((each.version for each in lock.distributions if each.name == _CORE), "")
    if core != __version__:
        raise RequestError(
            f"the environment of provider {lock.provider!r} has penstock-core {core or 'not at all'}, and this worker is {__version__}: "
            "run workers of the server's version."
        )
    size = sum(max(0, each.size) for each in lock.distributions)
    if size > LARGEST or len(lock.distributions) > MOST_DISTRIBUTIONS:
        raise RequestError(
            f"the environment of provider {lock.provider!r} has {len(lock.distributions):,} distributions of {size:,} bytes; at most "
            f"{MOST_DISTRIBUTIONS:,} of {LARGEST:,} are fetched: install this provider in the image of the workers."
        )


def _make(lock: EnvironmentLock, fetch: Callable[[str], bytes], draft: Path, target: Path) -> None:
    """Make an environment under another name; its list is that of all its distributions."""
    venv.EnvBuilder(symlinks=True).create(draft)
    lists = [
        _put_distribution(
            each, f"the distribution {each.name} {each.version} of provider {lock.provider!r}", fetch, draft
        )
        for each in lock.distributions
    ]
    _compile(draft, target)
    (draft / LIST).write_bytes(b"".join(lists))


def _put_distribution(each: LockedDistribution, what: str, fetch: Callable[[str], bytes], draft: Path) -> bytes:
    """Write the files of a distribution; returns its list."""
    listed, left, present, packed, portion = b"", each.size, set[str](), fetch(each.digest), 0
    while True:
        contents = listed_contents(packed, each.digest, what, whole=False)
        _, listed, _ = next(contents)
        hashes, before = {name: found for found, name in listed_files(listed)}, len(present)
        for name, content, executable in contents:
            left -= len(content)
            _check_file(draft, name, hashes[name], what, too_large=left < 0)
            write_listed(draft / name, content, executable=executable)
            present.add(name)
        portion += 1
        if len(present) in (before, len(hashes)) or not (packed := fetch(f"{each.digest}/{portion}")):
            break
    for name in hashes.keys() - present:  # what is too large to be packed with the others
        left -= _put_large(each.digest, name, hashes[name], what, fetch, draft, left)
    return listed


def _put_large(
    wanted: str, name: str, found: str, what: str, fetch: Callable[[str], bytes], draft: Path, most: int
) -> int:
    """Write a file piece by piece, so that it takes no memory; returns its bytes."""
    _check_file(draft, name, found, what, too_large=False)
    digest, size, path = found.removesuffix(EXECUTABLE), 0, draft / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        while piece := fetch(f"{wanted}/{digest}/{size}"):
            size += len(piece)
            if size > most:
                raise RequestError(f"{what} is larger than its lock says.")
            file.write(piece)
    if hash_of_file(path) != digest:
        raise RequestError(f"the file {name!r} of {what} is damaged. Fetch it again.")
    path.chmod(0o555 if found.endswith(EXECUTABLE) else 0o444)
    return size


def _check_file(draft: Path, name: str, found: str, what: str, *, too_large: bool) -> None:
    """Raise RequestError for a file that has no business in an environment; it leads nowhere else, as `listed_files` has seen to."""
    path = draft / name
    if PurePosixPath(name).parts[0] in OF_THE_INTERPRETER or not path.resolve().is_relative_to(draft.resolve()):
        raise RequestError(f"{what} has a file {name!r}, which would be written over one of the interpreter's.")
    if too_large:
        raise RequestError(f"{what} is larger than its lock says.")
    with suppress(FileNotFoundError):
        if hash_of_file(path) != found.removesuffix(EXECUTABLE):
            raise RequestError(f"{what} has a file {name!r}, which another one has, too, and not the same.")
        path.unlink()


def _compile(draft: Path, target: Path) -> None:
    """Compile its modules once, as none of its tries could keep what it compiles; what cannot be compiled is seen where it is imported."""
    command = [str(python_of(draft)), "-I", "-S", "-m", "compileall", "-q", "-s", str(draft), "-p", str(target)]
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(
            [*command, str(draft / "lib")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=COMPILING_S,
            check=False,
        )
