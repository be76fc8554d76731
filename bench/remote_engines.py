"""Tries by Dask and by Kubernetes, beside what these engines take for nothing at all: a bare submit, a bare pod."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock_testkit.kubernetes import KubeCluster

AT_ONCE = 2
"""Tasks, tries and pods at a time: as many as there are processors."""
Floors = dict[str, Callable[[], float]]


@contextmanager
def dask_cluster() -> Iterator[tuple[str, Floors]]:
    """The table of a Dask executor, and seconds of a chain of 4 and of 10 no-ops by ``dask.submit``, on a cluster of this machine."""
    from distributed import Client  # noqa: PLC0415 - for this measurement alone

    with tempfile.TemporaryDirectory() as name:
        started: list[subprocess.Popen[bytes]] = []

        def start(module: str, *words: str) -> str:
            output = Path(name) / f"{module}.out"
            with output.open("wb") as out:
                command = [sys.executable, "-m", f"distributed.cli.{module}", *words, "--no-dashboard"]
                started.append(subprocess.Popen(command, cwd=name, stdout=out, stderr=out, start_new_session=True))
            while not (found := re.search(r"(?:Scheduler at|Registered to):\s+(tcp://[\d.:]+)", output.read_text())):
                if started[-1].poll() is not None:
                    raise SystemExit(output.read_text())
                time.sleep(0.05)
            return found[1]

        try:
            address = start("dask_scheduler", "--host", "127.0.0.1", "--port", "0")
            start("dask_worker", address, "--nthreads", str(AT_ONCE))
            with Client(address) as client:

                def nothing(_before: object = None) -> None:
                    """Do nothing; one of a module would have to be there for the worker, too."""

                def chain() -> float:
                    began = time.perf_counter()
                    last = None
                    for _ in range(4):
                        last = client.submit(nothing, last, pure=False)
                    last.result()
                    return time.perf_counter() - began

                def beside() -> float:
                    began = time.perf_counter()
                    client.gather([client.submit(nothing, pure=False) for _ in range(10)])
                    return time.perf_counter() - began

                chain()
                yield f'type = "dask.executor"\naddress = "{address}"', {"w1": chain, "w2_10": beside}
        finally:
            for each in reversed(started):
                each.kill()
                each.wait()


@contextmanager
def pods() -> Iterator[tuple[str, Floors]]:
    """The table of a Kubernetes executor, and seconds of 4 pods in a row and of 10, each a bare interpreter, on the fake cluster."""
    with tempfile.TemporaryDirectory() as name:
        cluster = KubeCluster(Path(name))
        cluster.node.environment = {"PATH": os.environ["PATH"], "TMPDIR": name}
        numbers = iter(range(1_000_000))

        def create() -> str:
            container = {"name": "bare", "image": "bare:1", "command": [sys.executable, "-c", "pass"]}
            pod = {
                "metadata": {"name": f"bare-{next(numbers)}"},
                "spec": {"restartPolicy": "Never", "containers": [container]},
            }
            return str(cluster.create("pods", pod, "default")["metadata"]["name"])

        def ended(pod: str) -> None:
            while cluster.store.get("pods", pod, "default")["status"]["phase"] != "Succeeded":
                time.sleep(0.002)
            cluster.delete("pods", pod, "default")

        def chain() -> float:
            began = time.perf_counter()
            for _ in range(4):
                ended(create())
            return time.perf_counter() - began

        def beside() -> float:
            began = time.perf_counter()
            for at in range(0, 10, AT_ONCE):
                for pod in [create() for _ in range(at, min(10, at + AT_ONCE))]:
                    ended(pod)
            return time.perf_counter() - began

        with cluster.serving() as url:
            command = json.dumps([sys.executable, "-m", "penstock", "worker", "--ticket"])
            access = f'{{ server = "{url}", token = "{cluster.token}" }}'
            table = f'type = "kubernetes.executor"\nimage = "penstock:1"\ncommand = {command}\ncluster = {access}'
            yield f"{table}\nslots = {AT_ONCE}", {"w1": chain, "w2_10": beside}
