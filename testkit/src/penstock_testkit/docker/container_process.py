"""A container: a folder, a process group of this machine, a log, and what the engine tells of them."""

import contextlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from penstock_testkit.docker.engine_errors import EngineError
from penstock_testkit.docker.json_log import JsonLog, stamp

_NEVER = "0001-01-01T00:00:00Z"
_MAPPED = "/penstock"
_LOOK_S = 0.02
_OCI = "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process"
Note = Callable[["DockerContainer", str, dict[str, str]], None]


class DockerContainer:
    """One container.

    Args:
        name: Its name.
        config: As the client sent it, completed from the image.
        host: The client's ``HostConfig``.
        image_id: Id of its image.
        note: Is told of each event.

    Attributes:
        state: What ``State`` of its inspection tells.
        root: The folder that stands for its root.
        log: What it wrote.
    """

    def __init__(self, name: str, config: dict[str, Any], host: dict[str, Any], image_id: str, note: Note) -> None:
        self.id, self.name, self.config, self.host, self.image_id = secrets.token_hex(32), name, config, host, image_id
        self.created = stamp(time.time_ns())
        self.root, self.log = Path(tempfile.mkdtemp(prefix="penstock-container-")), JsonLog()
        self.ended = threading.Event()
        self.state: dict[str, Any] = {
            "Status": "created", "Running": False, "Paused": False, "Restarting": False, "OOMKilled": False, "Dead": False,
            "Pid": 0, "ExitCode": 0, "Error": "", "StartedAt": _NEVER, "FinishedAt": _NEVER,
        }  # fmt: skip
        self._note, self._lock = note, threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        for mount in host.get("Mounts") or []:
            self._mount(mount)

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return bool(self.state["Running"])

    def inside(self, path: str) -> Path:
        """The place of a path of the container; a link out of its root leads nowhere but through a mount."""
        return self.root / path.lstrip("/")

    def start(self) -> bool:
        """Start it; False if it runs. Raises EngineError if its program cannot be run."""
        with self._lock:
            if self.running:
                return False
            words = [self._mapped(each) for each in [*(self.config["Entrypoint"] or []), *(self.config["Cmd"] or [])]]
            try:
                self._process = self._started(words)
            except OSError as error:
                missing = isinstance(error, FileNotFoundError)
                why = "executable file not found in $PATH" if missing else "permission denied"
                self.state |= {
                    "ExitCode": 127 if missing else 126,
                    "Error": f'{_OCI}: exec: "{words[0]}": {why}: unknown',
                }
                raise EngineError(400, self.state["Error"]) from None
            now = stamp(time.time_ns())
            self.state |= {
                "Status": "running",
                "Running": True,
                "Pid": self._process.pid,
                "StartedAt": now,
                "Error": "",
            }
            self._note(self, "start", {})
        streams = ((1, self._process.stdout), (2, self._process.stderr))
        readers = [threading.Thread(target=self._read, args=each, daemon=True) for each in streams if each[1]]
        for each in readers:
            each.start()
        threading.Thread(target=self._watch, args=(self._process, readers), daemon=True).start()
        if limit := self.host.get("Memory"):
            threading.Thread(target=self._bound_memory, args=(self._process.pid, limit), daemon=True).start()
        if test := (self.config.get("Healthcheck") or {}).get("Test"):
            self.state["Health"] = {"Status": "starting", "FailingStreak": 0, "Log": []}
            threading.Thread(target=self._check_health, args=(test,), daemon=True).start()
        return True

    def signal(self, number: int) -> None:
        """Send a signal to its process group, and note it."""
        self._note(self, "kill", {"signal": str(int(number))})
        self._send(number)

    def out_of_memory(self) -> None:
        """End it as the kernel ends what uses more memory than it may."""
        self.state["OOMKilled"] = True
        self._note(self, "oom", {})
        self._send(signal.SIGKILL)

    def stop(self, grace_s: float) -> None:
        """Have it end, by its stop signal and, after the grace, by SIGKILL."""
        if not self.running:
            return
        self.signal(getattr(signal, self.config.get("StopSignal") or "SIGTERM"))
        if not self.ended.wait(grace_s):
            self.signal(signal.SIGKILL)
            self.ended.wait()

    def remove(self) -> None:
        """Remove all of it, its process first."""
        self._send(signal.SIGKILL)
        if self._process is not None:
            self.ended.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def _send(self, number: int) -> None:
        if self._process is not None and self.running:
            _send_to_group(self._process.pid, number)

    def _mount(self, mount: dict[str, Any]) -> None:
        target = self.inside(mount["Target"])
        target.parent.mkdir(parents=True, exist_ok=True)
        if mount["Type"] == "bind":
            target.symlink_to(mount["Source"])
        else:
            target.mkdir()

    def _mapped(self, text: str) -> str:
        """A word or a variable's value, with the paths in it that this machine has elsewhere."""
        for target in (_MAPPED, *(mount["Target"] for mount in self.host.get("Mounts") or [])):
            text = re.sub(rf"(?<![\w./-]){re.escape(target)}(?![\w.-])", str(self.inside(target)), text)
        return text

    def _started(self, words: list[str]) -> "subprocess.Popen[bytes]":
        folder = self.inside(self.config.get("WorkingDir") or "/")
        folder.mkdir(parents=True, exist_ok=True)
        given = dict(each.partition("=")[::2] for each in self.config.get("Env") or [])
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        variables = {
            "PATH": path,
            "HOSTNAME": self.id[:12],
            **{key: self._mapped(value) for key, value in given.items()},
        }
        error = subprocess.STDOUT if self.config.get("Tty") else subprocess.PIPE
        return subprocess.Popen(
            words, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=error,
            start_new_session=True,
        )  # fmt: skip

    def _read(self, number: int, stream: Any) -> None:  # noqa: ANN401 - a pipe
        with stream:
            for line in stream:
                self.log.write(number, line.replace(b"\n", b"\r\n") if self.config.get("Tty") else line)

    def _watch(self, process: "subprocess.Popen[bytes]", readers: list[threading.Thread]) -> None:
        code = process.wait()
        _send_to_group(process.pid, signal.SIGKILL)  # the end of a container's first process is that of all
        for each in readers:
            each.join()
        self.log.end()
        with self._lock:
            code = 128 - code if code < 0 else code
            self.state |= {"Status": "exited", "Running": False, "Pid": 0, "ExitCode": code}
            self.state["FinishedAt"] = stamp(time.time_ns())
        self._note(self, "die", {"exitCode": str(code)})
        self.ended.set()

    def _bound_memory(self, pid: int, limit: int) -> None:
        while not self.ended.wait(_LOOK_S):
            if _resident_bytes(pid) > limit:
                self.out_of_memory()
                return

    def _check_health(self, test: list[str]) -> None:
        check = self.config["Healthcheck"]
        words = ["sh", "-c", test[1]] if test[0] == "CMD-SHELL" else test[1:]
        health = self.state["Health"]
        while not self.ended.wait((check.get("Interval") or 30 * 10**9) / 10**9):
            done = subprocess.run(words, cwd=self.root, capture_output=True, text=True, check=False)
            entry = {"ExitCode": done.returncode, "Output": done.stdout + done.stderr}
            health["Log"] = [*health["Log"], entry][-5:]
            health["FailingStreak"] = health["FailingStreak"] + 1 if done.returncode else 0
            failing = health["FailingStreak"] >= (check.get("Retries") or 3)
            health["Status"] = "unhealthy" if failing else "healthy" if not done.returncode else health["Status"]


def _send_to_group(group: int, number: int) -> None:
    """Send a signal to all processes of a group; if none is left, that is fine."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-group, number)


def _resident_bytes(pid: int) -> int:
    """Memory of a process group of which this is the first process."""
    found = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            if os.getpgid(int(folder.name)) == pid:
                found += int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return found
