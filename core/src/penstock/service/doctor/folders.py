"""Whether the folders of an installation are there, can be written, and have room."""

import os
from collections.abc import Iterator
from pathlib import Path

from penstock.processes.output import least_free
from penstock.service.doctor.finding import Finding, Severity
from penstock.service.installation import Installation
from penstock.settings import Settings

_LEAST_FREE_MB = 500
_LEAST_FREE_FILES = 1_000
_SCARCE = 0.03
"""Part of a disk that is free, below which it will soon be full."""


def check_folders(installation: Installation) -> Iterator[Finding]:
    """Look at the folders of DAGs, state and logs, and at the room on their disks."""
    dags = installation.settings.dags_folder
    if not dags.is_dir():
        detail = f"{dags} does not exist. Make it, or name another in [core] dags_folder."
        yield Finding(Severity.BAD, "DAGs folder", detail)
    elif not os.access(dags, os.R_OK | os.X_OK):
        yield Finding(Severity.BAD, "DAGs folder", f"{dags} cannot be read by this user.")
    else:
        yield Finding(Severity.OK, "DAGs folder", str(dags))
    state = installation.settings.state_folder
    if not state.is_dir():
        yield Finding(Severity.NOTE, "state folder", f"{state} does not exist yet; it is made on first use.")
    elif not os.access(state, os.W_OK | os.X_OK):
        yield Finding(Severity.BAD, "state folder", f"{state} cannot be written by this user.")
    else:
        yield _space("state folder", state)
    yield from _logs_folder(installation.settings, state)


def _logs_folder(settings: Settings, state: Path) -> Iterator[Finding]:
    """Where tries write their logs; without it, or with too little room there, they go on, and leave none."""
    logs = settings.logs_folder
    if logs.exists() and not logs.is_dir():
        yield Finding(Severity.BAD, "logs folder", f"{logs} is no folder: tries leave no logs.")
    elif logs.is_dir() and not os.access(logs, os.W_OK | os.X_OK):
        yield Finding(Severity.BAD, "logs folder", f"{logs} cannot be written by this user: tries leave no logs.")
    elif logs.is_dir() and not (state.is_dir() and logs.stat().st_dev == state.stat().st_dev):
        yield _space("logs folder", logs)
    place = logs if logs.is_dir() else state
    if place.is_dir():
        space = os.statvfs(place)
        floor_mb = least_free(space, settings.logs.least_free_mb << 20) / 2**20
        if space.f_bavail * space.f_frsize < floor_mb * 2**20:
            free = f"until {floor_mb:,.0f} MB of their disk are free: [logs] least_free_mb"
            detail = f"of what tries print nothing is kept {free}. Free some of it."
            yield Finding(Severity.BAD, "logs of tries", detail)


def _space(subject: str, folder: Path) -> Finding:
    space = os.statvfs(folder)
    free_mb = space.f_bavail * space.f_frsize // 2**20
    scarce, full = space.f_bavail < space.f_blocks * _SCARCE, free_mb <= _LEAST_FREE_MB
    detail = f"{folder}, {free_mb:,} MB free{', which is little' * (scarce and not full)}"
    few, none = _few_files(space)
    if few:  # a disk on which no file can be made is full, however much of it is free
        detail += f"; of its {space.f_files:,} places for files (inodes) {space.f_favail:,} are free: delete files that are not needed"
    severity = Severity.BAD if full or none else Severity.NOTE if scarce or few else Severity.OK
    return Finding(severity, subject, detail)


def _few_files(space: os.statvfs_result) -> tuple[bool, bool]:
    """Whether a disk has room for few files more, and for so few that it is as good as full; some file systems have no bound, and say 0."""
    few = space.f_favail < space.f_files * _SCARCE
    return few, few and space.f_favail <= _LEAST_FREE_FILES
