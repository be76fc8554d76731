"""Bounds that the kernel holds the processes of one try to together: a control group of its own, where one may be made.

Both layouts are known: the unified one (version 2, kernel documentation `admin-guide/cgroup-v2`), and that of one hierarchy a controller
(version 1). In the unified one a group may only pass controllers on if no process stands in it itself: what does is moved into a group
beside, where this group was given to whoever runs here: the root of a container, or what systemd delegates (``Delegate=yes``).
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

OWN, BESIDE = "penstock-try-", "penstock-main"
"""Beginning of the names of groups of tries, and the name of the group into which other processes are moved."""
_PERIOD_US = 100_000
_ATTEMPTS = 5
_UNBOUND = 1 << 60
_DELEGATED = ("user.delegate", "trusted.delegate")


class Layout(NamedTuple):
    """Where groups for tries can be made.

    Attributes:
        folders: The group of this process by controller, ``memory`` and perhaps ``cpu``.
        unified: Whether it is one hierarchy for all controllers.
    """

    folders: dict[str, Path]
    unified: bool

    def refusal(self) -> str:
        """Why no group can be made below; "" if nothing is in the way. Nothing is changed."""
        folder = self.folders["memory"]
        if not all(os.access(each, os.W_OK | os.X_OK) for each in self.folders.values()):
            return "its control group may not be written by this user"
        if self.unified and "memory" not in _words(folder / "cgroup.subtree_control") and not _is_given(folder):
            return "its control group is not delegated to it (systemd: Delegate=yes)"
        return ""


class Group:
    """The group of one try.

    Args:
        folders: Its folder by controller.
        unified: Whether they are of one hierarchy.
    """

    def __init__(self, folders: dict[str, Path], *, unified: bool) -> None:
        self._folders, self._unified = folders, unified

    def bound(self, cpu: float, memory_bytes: int) -> None:
        """Set its bounds, 0 for none; raises OSError if the kernel takes them not."""
        if memory_bytes:
            self._bound_memory(str(memory_bytes))
        if cpu and "cpu" in self._folders:
            quota = str(max(1000, round(cpu * _PERIOD_US)))
            if self._unified:
                _write(self._folders["cpu"] / "cpu.max", f"{quota} {_PERIOD_US}")
            else:
                _write(self._folders["cpu"] / "cpu.cfs_period_us", str(_PERIOD_US))
                _write(self._folders["cpu"] / "cpu.cfs_quota_us", quota)

    def add(self, pid: int) -> None:
        """Put a process into it, and with it whatever that starts from now on."""
        for folder in dict.fromkeys(self._folders.values()):
            _write(folder / "cgroup.procs", str(pid))

    def kills(self) -> int:
        """How many of its processes the kernel has killed because its memory had run out."""
        return _oom_kills(self._folders["memory"])

    def remove(self) -> bool:
        """Remove it; False while a process of it is left."""
        gone = True
        for folder in dict.fromkeys(self._folders.values()):
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                gone = False
        return gone

    def _bound_memory(self, size: str) -> None:
        folder = self._folders["memory"]
        if self._unified:
            _write(folder / "memory.max", size)
            # What could be swapped out would be slow, and not be counted; a part of a try that is killed leaves no sound rest.
            with contextlib.suppress(OSError):
                _write(folder / "memory.swap.max", "0")
            with contextlib.suppress(OSError):
                _write(folder / "memory.oom.group", "1")
        else:
            _write(folder / "memory.limit_in_bytes", size)
            with contextlib.suppress(OSError):
                _write(folder / "memory.memsw.limit_in_bytes", size)


class Groups:
    """Makes groups for the tries that one process has started.

    Args:
        proc: What tells of this process; that of Linux unless given.

    Attributes:
        reason: Why no group can be made; "" if one can.
    """

    def __init__(self, proc: Path = Path("/proc/self")) -> None:
        self._layout: Layout | None = None
        self.reason = ""
        try:
            self._layout = layout(proc)
            self.reason = self._layout.refusal()
            if self.reason:
                return
            self._prepare(self._layout)
            self._sweep(self._layout)
            probe = self.make("probe")
            probe.remove()
        except OSError as error:
            self._layout, self.reason = None, f"{error.strerror or error}"

    def make(self, name: str) -> Group:
        """Make a group; raises OSError if that cannot be."""
        assert self._layout is not None  # noqa: S101 - whoever calls has looked at the reason
        folders = {}
        for controller, folder in self._layout.folders.items():
            folders[controller] = folder / f"{OWN}{os.getpid()}-{name}"
            folders[controller].mkdir(exist_ok=True)
        if not self._layout.unified or (folders["memory"] / "memory.max").exists():
            return Group(folders, unified=self._layout.unified)
        folders["memory"].rmdir()
        raise OSError("the memory controller is not passed on to groups below this process' own")

    def _prepare(self, found: Layout) -> None:
        """Have controllers passed on to groups of the unified hierarchy."""
        folder = found.folders["memory"]
        wanted = {each for each in found.folders if each not in _words(folder / "cgroup.subtree_control")}
        if not found.unified or not wanted:
            return
        for attempt in range(_ATTEMPTS):
            (folder / BESIDE).mkdir(exist_ok=True)
            for pid in _words(folder / "cgroup.procs"):
                with contextlib.suppress(OSError):  # it has ended
                    _write(folder / BESIDE / "cgroup.procs", pid)
            try:
                _write(folder / "cgroup.subtree_control", " ".join(f"+{each}" for each in sorted(found.folders)))
            except OSError:  # a process has come meanwhile
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return

    def _sweep(self, found: Layout) -> None:
        """Remove what processes that are no more have left."""
        for folder in dict.fromkeys(found.folders.values()):
            for left in folder.glob(f"{OWN}*"):
                pid = left.name.removeprefix(OWN).partition("-")[0]
                if pid.isdecimal() and not Path("/proc", pid).exists():
                    with contextlib.suppress(OSError):  # a process of it is left
                        left.rmdir()


class OwnGroup:
    """The group that this process stands in itself, such as that of its container, and what became of others in it.

    Args:
        proc: What tells of this process; that of Linux unless given.
    """

    def __init__(self, proc: Path = Path("/proc/self")) -> None:
        self._folder: Path | None = None
        with contextlib.suppress(OSError):
            found = layout(proc)
            folder = found.folders["memory"]
            beside = folder / BESIDE
            self._folder = beside if found.unified and str(os.getpid()) in _words(beside / "cgroup.procs") else folder
        self._kills = self._count()

    def has_killed(self) -> bool:
        """Whether the kernel has killed a process in it, for want of memory, since this was asked last."""
        before, self._kills = self._kills, self._count()
        return self._kills > before

    def memory_bytes(self) -> int:
        """Its bound, or that of a group above that is lower; 0 for none."""
        found, folder = _UNBOUND, self._folder
        while folder is not None and (folder / "cgroup.procs").exists():
            for name in ("memory.max", "memory.limit_in_bytes"):
                found = min([found, *(int(word) for word in _words(folder / name) if word.isdecimal())])
            folder = folder.parent
        return 0 if found >= _UNBOUND else found

    def _count(self) -> int:
        return 0 if self._folder is None else _oom_kills(self._folder)


def why_unbound(proc: Path = Path("/proc/self")) -> str:
    """Why a process could not make groups; "" if nothing is in the way. Nothing is changed."""
    try:
        return layout(proc).refusal()
    except OSError as error:
        return f"{error.strerror or error}"


def layout(proc: Path) -> Layout:
    """Find the group of a process.

    Args:
        proc: What tells of the process, as ``/proc/self``.

    Raises:
        OSError: There is none whose memory could be bounded.
    """
    paths: dict[str, str] = {}
    for line in _text(proc / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        paths |= dict.fromkeys(controllers.split(","), path)
    mounts = dict(_mounts(_text(proc / "mountinfo")))
    one = _folder(paths.get(""), mounts.get(""))
    if one is not None and one.name == BESIDE:
        one = one.parent
    if one is not None and "memory" in _words(one / "cgroup.controllers"):
        here = [each for each in ("memory", "cpu") if each in _words(one / "cgroup.controllers")]
        return Layout(dict.fromkeys(here, one), unified=True)
    found = {each: _folder(paths.get(each), mounts.get(each)) for each in ("memory", "cpu")}
    folders = {each: folder for each, folder in found.items() if folder is not None}
    if "memory" not in folders:
        raise OSError("this machine has no control groups that bound memory")
    return Layout(folders, unified=False)


def _mounts(text: str) -> Iterator[tuple[str, tuple[str, Path]]]:
    """Of each hierarchy that is mounted, by controller ("" for the unified one): the group at its root, and where; see proc(5)."""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, _, options) = before.split(), after.split(" ", 2)
        place = (fields[3], Path(fields[4].encode().decode("unicode_escape")))
        if kind == "cgroup2":
            yield "", place
        elif kind == "cgroup":
            for controller in options.split(","):
                yield controller, place


def _folder(path: str | None, mount: tuple[str, Path] | None) -> Path | None:
    if path is None or mount is None:
        return None
    root, point = mount
    inside = path if root == "/" else path.removeprefix(root) if f"{path}/".startswith(f"{root}/") else None
    folder = point if inside is None else point / inside.lstrip("/")
    return folder if folder.is_dir() else None


def _is_given(folder: Path) -> bool:
    """Whether processes in a group of the unified hierarchy may be moved: it is a container's root, or was delegated."""
    if not (folder / "cgroup.type").exists():
        return True  # only the root of a hierarchy has no type: processes may stand in it whatever it passes on
    if str(folder) == "/sys/fs/cgroup":
        return True
    for name in _DELEGATED:
        with contextlib.suppress(OSError):
            if os.getxattr(folder, name) == b"1":
                return True
    return False


def _oom_kills(folder: Path) -> int:
    # Not `memory.events`, which counts those of the groups below, too.
    for name in ("memory.events.local", "memory.events", "memory.oom_control"):
        with contextlib.suppress(OSError, ValueError):
            for line in _text(folder / name).splitlines():
                key, _, number = line.partition(" ")
                if key == "oom_kill":
                    return int(number)
            return 0
    return 0


def _words(file: Path) -> list[str]:
    try:
        return _text(file).split()
    except OSError:
        return []


def _text(file: Path) -> str:
    return file.read_text(errors="surrogateescape")


def _write(file: Path, text: str) -> None:
    # Not by `Path.write_text`, which would make what is missing: a group has its files, or is none.
    descriptor = os.open(file, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
