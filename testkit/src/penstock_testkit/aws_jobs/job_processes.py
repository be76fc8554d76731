"""Containers of the fakes that are real processes of this machine."""

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from penstock.processes.group import kill_group

_SIGNALLED = 128


class JobProcesses:
    """Processes, each the container of a job.

    Args:
        command: What each runs, whatever its job says; none of them is a process if it is empty.
        output: File that takes what they print; nowhere unless given.
    """

    def __init__(self, command: Sequence[str] = (), output: Path | None = None) -> None:
        self._command, self._output = list(command), output or Path(os.devnull)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, job_id: str, environment: Iterable[Mapping[str, str]]) -> None:
        """Start the container of a job with the variables that it asks for."""
        if self._command:
            with self._output.open("ab") as output:
                self.processes[job_id] = subprocess.Popen(
                    self._command, env={**os.environ, **{each["name"]: each["value"] for each in environment}},
                    stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                )  # fmt: skip

    def runs(self, job_id: str) -> bool:
        """Whether the job has a process here, ended or not."""
        return job_id in self.processes

    def exit_code(self, job_id: str) -> int | None:
        """How it ended, as a container runtime tells it: 137 for a kill; None while it runs."""
        code = self.processes[job_id].poll()
        return code if code is None or code >= 0 else _SIGNALLED - code

    def stop(self, job_id: str) -> None:
        """Ask it to end."""
        if job_id in self.processes:
            self.processes[job_id].terminate()

    def close(self) -> None:
        """Kill what is left, with what it has started."""
        for process in self.processes.values():
            kill_group(process.pid)
            process.wait()
