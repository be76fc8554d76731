"""Workers for tests: each another user, in a mount namespace of its own that sees neither the project nor its database.

Making a namespace takes root. What the worker needs (the interpreter, its environment, the sources of an editable one) may lie
below a folder that only root may enter: there, an empty folder that all may enter is mounted over it, with what is needed in it.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

WORKSPACE = Path(__file__).parents[2]
EXAMPLE = WORKSPACE / "examples" / "remote_workers"
NOBODY = 65534


class FleetWorker:
    """A worker daemon.

    Args:
        name: What its tries find in the variable ``WORKER``.
        folder: A folder that everybody may enter; the worker's own folder and log lie in it.
        site: Folder in which the example is installed.
        address: Where the executor listens.
        token_file: The token; it is copied.
        hidden: Folders that it must not see.
        slots: Tries that it runs at once.
        env: Further environment of it and its tries.
    """

    def __init__(
        self, name: str, folder: Path, site: Path, address: str, token_file: Path, hidden: Sequence[Path], slots: int,
        *, env: Mapping[str, str] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        self.name, self.log, self._env = name, folder / f"{name}.log", env
        self._folder, self._site, self._hidden = folder / name, site, hidden
        token = folder / f"{name}.token"
        token.write_text(token_file.read_text())
        self._folder.mkdir()
        for each in (token, self._folder):
            os.chown(each, NOBODY, NOBODY)
        self._command = [
            sys.executable, "-m", "penstock_remote.worker", "--connect", address, "--token-file", str(token),
            "--folder", str(self._folder), "--slots", str(slots),
        ]  # fmt: skip
        self._popen: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or start it again after its end."""
        user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]
        stash = self._folder.with_suffix(".needed")
        stash.mkdir(exist_ok=True)
        script = "\n".join(["set -e", *_mounts(stash, self._hidden), f"cd {self._folder}"])
        script += f"\nexec {shlex.join([*user, *self._command])}"
        inherited = ("PENSTOCK_", "AWS_", "PYTHON", "VIRTUAL_ENV", "HOME")
        env = {key: value for key, value in os.environ.items() if not key.startswith(inherited)}
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                ["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
                env=env | dict(self._env) | {"PYTHONPATH": str(self._site), "WORKER": self.name, "HOME": str(self._folder)},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def send_signal(self, number: int) -> None:
        """Send a signal to its process group; its tries have groups of their own."""
        assert self._popen is not None
        os.killpg(self._popen.pid, number)

    def kill(self) -> None:
        """End it at once, if it lives."""
        if self._popen is not None:
            if self._popen.poll() is None:
                self.send_signal(signal.SIGKILL)
            self._popen.wait()

    def tries(self) -> list[int]:
        """Processes of its tries."""
        # its folder is its own, its name is also that of a worker of another stage
        marks, found = {f"WORKER={self.name}".encode(), f"HOME={self._folder}".encode()}, []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and marks <= {*(entry / "environ").read_bytes().split(b"\0")}:
                    found.append(int(entry.name))
            except OSError:  # it has ended
                continue
        return [pid for pid in found if self._popen is None or pid != self._popen.pid]


def _mounts(stash: Path, hidden: Sequence[Path]) -> list[str]:
    """The commands that make the namespace."""
    needed = sorted({Path(sys.base_prefix), Path(sys.prefix), WORKSPACE}, key=lambda path: len(path.parts))
    closed = {folder for path in needed for folder in path.parents if not folder.stat().st_mode & 0o001}
    outermost = [folder for folder in closed if not closed & set(folder.parents)]
    lines, put_back = [], []
    for number, path in enumerate(path for path in needed if set(outermost) & set(path.parents)):
        kept = shlex.quote(str(stash / str(number)))
        lines.append(f"mkdir -p {kept}; mount --bind {shlex.quote(str(path))} {kept}")
        put_back.append(f"mkdir -p {shlex.quote(str(path))}; mount --bind {kept} {shlex.quote(str(path))}")
    emptied = [f"mount -t tmpfs -o mode=755 tmpfs {shlex.quote(str(folder))}" for folder in (*outermost, *hidden)]
    return lines + emptied + put_back


def install(site: Path, package: Path = EXAMPLE) -> None:
    """Install an example into a folder, as a user would into an environment."""
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])) or "uv"
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--python", sys.executable, "--target", str(site)]
    subprocess.run([*command, str(package)], check=True)
