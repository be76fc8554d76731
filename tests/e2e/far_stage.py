"""The clickstream pipeline with an executor of each kind: its tries run where there are the pipeline's services and Penstock's server."""

import json
import os
import sys
from functools import cached_property
from urllib.parse import urlsplit

import psycopg
from fleet import WORKSPACE, install
from pipeline import Process
from rehearsal import Rehearsal

from penstock_testkit.aws_jobs import AwsJobs
from penstock_testkit.aws_jobs.job_processes import JobProcesses
from penstock_testkit.brokers.valkey import valkey
from penstock_testkit.kubernetes import KubeCluster
from penstock_testkit.processes import free_port
from penstock_testkit.remote.network_namespace import NetworkNamespace
from penstock_testkit.saas import plain_http

DASK = """
import json, sys, time
from distributed import LocalCluster

if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", dashboard_address=None) as cluster:
        print(json.dumps({"address": cluster.scheduler_address}), flush=True)
        sys.stdin.read()
        while True:
            time.sleep(3600)
"""
KEYS = 'region_name = "us-east-1"'


class FarStage(Rehearsal):
    """A stage with a queue for each of some executors, by the executor's name; workers see no folder of the project and no other port."""

    def __init__(self, folder, tracked, executors):
        super().__init__(folder, tracked)
        self._executors = executors

    def _start(self):
        site = self.folder / "site"
        install(site, WORKSPACE / "examples" / "command_executor")
        self.env |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        super()._start()
        self.env["PYTHONPATH"] = str(site)
        self.port = free_port()
        broker = self._stack.enter_context(valkey())
        network = [self.endpoint_url, self.service_url, self.network["HTTPS_PROXY"], broker.url]
        ports = {urlsplit(url).port for url in network} | {int(self.warehouse["port"]), self.port}
        (self.folder / "way").mkdir()
        self.way = self._stack.enter_context(NetworkNamespace(self.folder / "way", *sorted(ports)))
        self.tables = self._tables(broker.url)
        settings = [
            f'[services.server]\ntype = "server.server"\nport = {self.port}\nniceness = 0',
            *self.tables.values(),
        ]
        queues = "".join(f'{name} = "{name}"\n' for name in self.tables)
        with (self.project / "penstock.toml").open("a", encoding="utf-8") as file:
            file.write("\n\n" + "\n\n".join([*settings, f"[queues]\n{queues}"]))

    def worker(self, *words):
        """The command of a worker that gets to know nothing of its environment but the way to the network's services."""
        known = {name: value for name, value in self.env.items() if name in ("PATH", "HOME", *self.network)}
        unset = [f"-u{name}" for name in self.env if name.startswith("PENSTOCK_CONN_")]
        python = [sys.executable, "-m", "penstock", "worker", *words, "--folder", str(self.folder / "worker")]
        given = [f"{name}={value}" for name, value in {**known, "PYTHONPATH": ""}.items()]
        return self.way.command(["env", *unset, *given, *python], hidden=[self.project])

    def _tables(self, broker):
        """The table of each executor in the settings, its engine at work."""
        ticket, server = json.dumps(self.worker("--ticket")), f'server = "http://127.0.0.1:{self.port}"'
        own = {
            "celery": lambda: f'type = "celery.executor"\nbroker = "{broker}"',
            "kubernetes": lambda: f'type = "kubernetes.executor"\n{self._pods(ticket)}',
            "dask": lambda: f'type = "dask.executor"\naddress = "{self._dask()}"\ncommand = {ticket}',
            "ecs": lambda: (
                f'type = "aws.ecs_executor"\n{self._aws}\ncluster = "main"\ntask_definition = "worker:1"\ncontainer = "main"'
            ),
            "batch": lambda: (
                f'type = "aws.batch_executor"\n{self._aws}\njob_queue = "jobs"\njob_definition = "worker:1"'
            ),
            "commands": lambda: f'type = "command.executor"\ncommand = {ticket}\nslots = 2',
        }
        return {name: f"[executors.{name}]\n{server}\n{own[name]()}" for name in self._executors}

    def _pods(self, ticket):
        cluster = KubeCluster(self.folder / "node")
        cluster.node.environment = {"PATH": os.environ["PATH"], "TMPDIR": str(self.folder)}
        kube = self._stack.enter_context(cluster.serving())
        return f'image = "penstock:1"\ncommand = {ticket}\nslots = 2\ncluster = {{ server = "{kube}", token = "{cluster.token}" }}'

    def _dask(self):
        return self._serve("dask", [sys.executable, "-c", DASK]).said()["address"]

    @cached_property
    def _aws(self):
        jobs = AwsJobs()
        jobs.containers = JobProcesses(self.worker("--ticket"), self.folder / "logs" / "containers.log")
        self._stack.callback(jobs.containers.close)
        return f'endpoint_url = "{self._stack.enter_context(plain_http(jobs))}"\n{KEYS}'

    def start_celery_worker(self):
        """A worker of a pool: it knows the table of its executor, a token, the broker and the server."""
        folder = self.folder / "celery"
        folder.mkdir()
        (folder / "penstock.toml").write_text(self.tables["celery"])
        token = (self.project / ".penstock" / "server.token").read_text()
        words = ["env", f"PENSTOCK_SERVER=http://127.0.0.1:{self.port}", f"PENSTOCK_TOKEN={token}"]
        words += self.worker("--executor", "celery", "--queues", "celery", "--concurrency", "2")
        process = Process(words, self.folder / "logs" / "celery.log", self.env, folder)
        self._stack.callback(process.stop)

    def is_listening(self):
        """Whether the server answers."""
        log = self.folder / "logs" / "penstock.log"
        return log.exists() and "listening on" in log.read_text()

    def forget(self, customer, events):
        """Take away what was loaded and mirrored of a customer."""
        name = customer.lower()
        with psycopg.connect(self.warehouse["url"], autocommit=True) as connection:
            for table in (*(f"{name}_{event}" for event in events), f"{name}_loads"):
                connection.execute(f'DELETE FROM clickstream."{table}"'.encode())
        for each in self.outside.objects(f"{customer}."):
            self.outside.delete(each)
