"""A service whose jobs are files, and its operators; the tests copy this module beside their DAG files."""

import os
import signal
from pathlib import Path

from penstock.spec.external_job import ExternalJob, Running, Succeeded


class DiskJob(ExternalJob):
    """A job of a service that takes a token.

    Args:
        folder: The service: its jobs, each a file named by its token; its journal; and a gate, behind which all jobs end.
        dies: The process that comes to this point first is killed there.
    """

    service = "the disk"

    def __init__(self, *, folder, dies="", **kwargs):
        super().__init__(poke_interval=0.1, **kwargs)
        self.folder, self.dies = folder, dies

    def submit(self, token):
        self._comes_to("before")
        made = Path(self.folder) / token
        if not made.exists():
            self._said(f"started {token}")
            made.touch()
        self._comes_to("after")
        return token

    def look(self, job_id):
        self._comes_to("look")
        return Succeeded(job_id) if (Path(self.folder) / "gate").exists() else Running()

    def cancel(self, job_id):
        self._said(f"cancelled {job_id}")
        (Path(self.folder) / f"{job_id}.cancelled").touch()

    def _said(self, what):
        with (Path(self.folder) / "journal").open("a") as journal:
            journal.write(f"{what}\n")

    def _comes_to(self, point):
        if self.dies == point:
            try:
                os.close(os.open(Path(self.folder) / "died", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return
            os.kill(os.getpid(), signal.SIGKILL)


class FoundDiskJob(DiskJob):
    """A job of a service that takes every request for a new one."""

    def submit(self, token):
        self._comes_to("before")
        self._said(f"started {token}")
        (Path(self.folder) / token).touch()
        self._comes_to("after")
        return token

    def find(self, token):
        return token if (Path(self.folder) / token).exists() else None


class StoppableDiskJob(DiskJob):
    """A job that ends when it is cancelled, too."""

    def look(self, job_id):
        return Succeeded() if (Path(self.folder) / f"{job_id}.cancelled").exists() else super().look(job_id)
