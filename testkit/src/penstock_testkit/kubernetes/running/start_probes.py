"""Startup probes by a command: what a kubelet asks a container until it has started, and holds back the next container for.

Only a sidecar is probed: as an init container that restarts always, it is what other containers wait for. Numbers that are not given are
those of `k8s.io/api/core/v1.Probe`; a probe is repeated sooner than its seconds say.
"""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from penstock_testkit.kubernetes.running.containers import Container

_TIMEOUT_S, _FAILURES = 1, 3


class ProbeAnswer(NamedTuple):
    """What one probe found.

    Attributes:
        started: Whether the container has started.
        words: What a failed one wrote, or that it took too long.
    """

    started: bool
    words: str = ""


class StartProbe:
    """The startup probe of one start of a container.

    Args:
        spec: As the container's spec has it.
        run: The start of the container.

    Attributes:
        failures: How many probes have failed.
        most: After how many of them the container is killed.
    """

    def __init__(self, spec: Mapping[str, Any], run: Container) -> None:
        self._command: Sequence[str] = spec["exec"]["command"]
        self._timeout_s = float(spec.get("timeoutSeconds", _TIMEOUT_S))
        self.most = int(spec.get("failureThreshold", _FAILURES))
        self.failures = 0
        self._run = run

    def ask(self) -> ProbeAnswer:
        """Run its command in the container."""
        command, environment = self._run.within(self._command)
        program = shutil.which(command[0], path=environment.get("PATH", ""))
        if program is None:
            return self._failed(f"exec: {command[0]!r}: executable file not found in $PATH")
        try:
            done = subprocess.run(
                [program, *command[1:]], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, timeout=self._timeout_s, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return self._failed(f"command timed out: {' '.join(self._command)!r} timed out after {self._timeout_s:g}s")
        return ProbeAnswer(started=True) if done.returncode == 0 else self._failed(done.stdout.decode(errors="replace"))

    def _failed(self, words: str) -> ProbeAnswer:
        self.failures += 1
        return ProbeAnswer(started=False, words=words)
