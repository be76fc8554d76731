"""A DAG whose one task waits at a gate, so that a test can do something to it while it runs."""

from pathlib import Path

GATED = """
import os, time
from pathlib import Path
from penstock import DAG, task

with DAG("gated"):

    @task(queue="far", retries=0)
    def wait():
        print("it waits", flush=True)
        Path(os.environ["GATES"], f"begun-{os.getpid()}").touch()
        while not Path(os.environ["GATES"], "open").exists():
            time.sleep(0.05)
        print("it goes on", flush=True)

    wait()
"""
"""Text of a DAG file: its tries go to the queue ``far``, and find the gates by ``GATES``."""


class Gates:
    """A folder in which tries note that they have begun, and wait for a file.

    Args:
        folder: It; made if need be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def begun(self) -> set[int]:
        """The processes of the tries that have come to the gate."""
        return {int(path.name.rpartition("-")[2]) for path in self.folder.glob("begun-*")}

    def open(self) -> None:
        """Let all of them pass, and those that come."""
        (self.folder / "open").touch()

    def done(self) -> list[int]:
        """The numbers that tasks have written into the file ``done``, in their order."""
        path = self.folder / "done"
        return [int(number) for number in path.read_text().split()] if path.exists() else []
