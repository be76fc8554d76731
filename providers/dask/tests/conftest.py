"""A real cluster on this machine, its scheduler and workers processes of their own."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest


class LocalDask:
    """A Dask scheduler and workers; each may be killed and started again."""

    def __init__(self, folder, scheduler=(), worker=()):
        self._folder, self._scheduler_options, self._worker_options = folder, scheduler, worker
        self.workers = []
        self.port = 0
        self.start_scheduler()

    def start_scheduler(self):
        words = [
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--no-dashboard",
            "--no-jupyter",
            *self._scheduler_options,
        ]
        self.scheduler = self._run("dask_scheduler", words)
        found = self._printed(self.scheduler, r"Scheduler at:\s+(\w+://[\d.]+:(\d+))")
        self.address, self.port = found[1], int(found[2])

    def start_worker(self, *options):
        words = [
            self.address,
            "--nthreads",
            "2",
            "--no-dashboard",
            "--death-timeout",
            "30",
            *self._worker_options,
            *options,
        ]
        made = self._run("dask_worker", words)
        self.workers.append(made)
        self._printed(made, "Registered to")
        return made

    def kill_scheduler(self):
        self.scheduler.kill()
        self.scheduler.wait()

    def close(self):
        for each in [*self.workers, self.scheduler]:
            if each.poll() is None:
                os.killpg(each.pid, signal.SIGKILL)
            each.wait()

    def _run(self, module, words):
        output = self._folder / f"{module}-{time.monotonic_ns()}.out"
        environ = {
            **os.environ,
            "DASK_DISTRIBUTED__ADMIN__TICK__LIMIT": "30s",
            "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s",
        }
        with output.open("wb") as file:
            made = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{module}", *words], cwd=self._folder, env=environ,
                stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True,
            )  # fmt: skip
        made.output = output
        return made

    def _printed(self, process, pattern):
        end = time.monotonic() + 60
        while not (found := re.search(pattern, process.output.read_text())):
            assert process.poll() is None, process.output.read_text()
            assert time.monotonic() < end, process.output.read_text()
            time.sleep(0.05)
        return found


@pytest.fixture(scope="session")  # those that ask for it are a group, which one worker runs
def dask(tmp_path_factory):
    made = LocalDask(tmp_path_factory.mktemp("dask"))
    made.start_worker("--resources", "CPU=4 MEMORY=4e9")
    yield made
    made.close()


@pytest.fixture(scope="session")
def local_dask():
    """The class, for tests that kill parts of a cluster."""
    return LocalDask
