"""What a provider's executor has done wrong since the scheduler started, kept in a file for whoever asks from another process."""

from contextlib import suppress
from pathlib import Path

from penstock.tries.remote.doorbell import HANGS, RAISED, RETURNED, WORKS

FOLDER = "executors"
"""Folder of these files in the state folder."""
NOT_MADE = ") cannot be made: "
"""What a fault holds where the scheduler could not make the executor."""
_MOST = 100
_ENDS = {WORKS: RAISED, RETURNED: HANGS}


class ExecutorFaults:
    """The faults of one executor, a line each; a disk that keeps none is no reason to fail.

    Args:
        state: The state folder.
        name: The executor's name in the settings.
    """

    def __init__(self, state: Path, name: str) -> None:
        self._path = state / FOLDER / f"{name}.faults"

    def clear(self) -> None:
        """Forget those of an earlier scheduler."""
        with suppress(OSError):
            self._path.unlink()

    def add(self, fault: str) -> None:
        """Keep one; the same again is kept once, as the last one: an engine may be away for days."""
        line, known = " ".join(fault.split()), self.read()
        if known and known[-1] == line:
            return
        lines = [*(each for each in known if each != line), line][-_MOST:]
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text("".join(f"{each}\n" for each in lines), errors="backslashreplace")

    def over(self) -> tuple[list[str], list[str]]:
        """Those that last, and those that are over: what failed was done since, or what hung has returned."""
        last, over = list[str](), list[str]()
        for line in self.read():
            ended = next((f"{line.partition(end)[0]}{begun}" for end, begun in _ENDS.items() if end in line), None)
            if ended is None:
                last.append(line)
            else:
                over += [each for each in last if each.startswith(ended)]
                last = [each for each in last if not each.startswith(ended)]
        return last, over

    def read(self) -> list[str]:
        """Return them in the order in which they came last."""
        try:
            return self._path.read_text(errors="replace").splitlines()
        except OSError:
            return []
