"""The executor's options, what its processes do when the worker is gone, and that no log shows a ticket."""

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock import Connection
from penstock.errors import ConfigError
from penstock.spec.remote import RemoteContext, Ticket
from penstock_dask.executors import DaskExecutor
from penstock_dask.executors.ticket_run import RUN, TicketEnd, end_tickets, packed
from penstock_dask.hooks.dask_cluster import Cluster, DaskTask
from penstock_testkit.processes import has_ended, wait_until

GUARD = [sys.executable, "-m", "penstock_dask.executors.ticket_guard"]


def made(connection=None, **options):
    told = (lambda: datetime.now(UTC), lambda *_: None, lambda *_, **__: None)
    return DaskExecutor(RemoteContext("far", options, "", "i", Path("unused"), *told, connection))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "address is None; write one such as tcp://scheduler:8786"),
        ({"address": "scheduler:8786"}, "address is 'scheduler:8786'"),
        ({"address": "inproc://10.0.0.1/7/1"}, "of inproc:// is reached from its own process alone"),
        ({"address": "tcp://s:1", "adress": "x"}, "there is no option 'adress'; it takes address"),
        (
            {"address": "tls://s:1"},
            "tls_ca, tls_cert and tls_key are for an address that begins with tls://, which needs them",
        ),
        ({"address": "tls://s:1", "tls_ca": "a"}, "belong together"),
        ({"address": "tcp://"}, "address is 'tcp://', without a host or a port"),
        ({"address": "tcp://s:port"}, "without a host or a port"),
        ({"address": "tcp://s:1", "connect_timeout_s": 0}, "connect_timeout_s must be greater than 0"),
        (
            {"address": "tcp://s:1", "queues": {"gpus": {"GPU": -1}}},
            "what a queue takes of a resource must be 0 or more",
        ),
    ],
)
def test_wrong_options_are_refused(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        made(**options)


@pytest.mark.parametrize(
    ("fields", "options", "sentence"),
    [
        ({"host": "s"}, {"address": "tcp://s:1"}, "address and conn_id exclude each other"),
        ({"host": "s"}, {"tls_ca": "a", "tls_key": "b"}, "tls_ca and tls_key and conn_id exclude each other"),
        ({}, {}, "host must name the machine"),
        ({"host": "s", "extra": {"tls_ca": "a"}}, {}, "belong together"),
    ],
)
def test_a_connection_that_cannot_be_gone_by_is_refused(fields, options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        made(Connection("cluster", "dask", **fields), **options)


@pytest.mark.xdist_group("dask_cluster")
def test_a_cluster_is_reached_by_the_name_of_its_connection(dask):
    executor = made(Connection("cluster", "dask", host="127.0.0.1", port=dask.port))
    try:
        assert executor.slots() == 4
    finally:
        executor.stop()


@pytest.mark.xdist_group("dask_cluster")
@pytest.mark.parametrize("config", [3, {"image": "x"}, {"workers": "a"}, {"resources": {"GPU": "one"}}])
def test_what_a_task_says_wrongly_is_refused(dask, config):
    executor = made(address=dask.address)
    ticket = Ticket("t-1", "t-1.s", "far", 1, 1, "d", "r", "t", executor_config={"dask": config})
    try:
        [refused] = executor.ring([ticket])
        assert refused.reason.startswith("executor_config: ")
    finally:
        executor.stop()


@pytest.mark.xdist_group("dask_cluster")
def test_a_task_of_a_name_is_one_and_may_be_submitted_again_when_it_has_ended(dask, tmp_path):
    cluster, ended = Cluster(dask.address, ("", "", ""), 5.0), []
    file = tmp_path / "runs"
    words = ["sh", "-c", f"echo run >> {file}; while [ ! -e {tmp_path}/gate ]; do sleep 0.05; done; exit 3"]
    task = DaskTask("t-one", RUN, {"packed": packed("t-one", {"A": "b"}, words)}, {})

    def until(so):
        wait_until(so, otherwise=lambda: f"{ended}, {cluster.states(['t-one'])}")

    for _ in range(3):
        cluster.submit([task], lambda *found: ended.append(found))
    (tmp_path / "gate").touch()
    until(lambda: ended)
    assert file.read_text() == "run\n"
    assert {(key, found.code) for key, found in ended} == {("t-one", 3)}
    until(lambda: not cluster.states(["t-one"]))
    cluster.submit([task], lambda *found: ended.append(found))
    until(lambda: file.read_text() == "run\nrun\n")
    cluster.take_back(end_tickets, ["t-one"])
    until(lambda: not cluster.states(["t-one"]))
    cluster.close()


def test_the_process_of_a_ticket_ends_with_the_worker_whatever_became_of_that(tmp_path):
    file = tmp_path / "pid"
    words = ["sh", "-c", f"trap '' TERM; echo $$ > {file}; sleep 100"]
    with subprocess.Popen([*GUARD, "sh", "-c", f"echo $$ > {file}; exec sleep 100"], stdin=subprocess.PIPE) as guard:
        until_there(file)
        guard.stdin.close()
        assert guard.wait(60) == 128 + signal.SIGTERM
    file.unlink()
    with subprocess.Popen([*GUARD, *words], stdin=subprocess.PIPE) as guard:
        pid = until_there(file)
        guard.kill()
    wait_until(lambda: has_ended(pid), otherwise=lambda: "it lives")


def until_there(file):
    wait_until(lambda: file.exists() and file.read_text().strip() != "", otherwise=lambda: f"{file} is not written")
    return int(file.read_text())


def test_a_ticket_is_in_no_text_that_dask_could_print():
    given = packed("t", {"A": "b"}, ["sh", "-c", "echo $A; exit 4"])
    assert not {"t", "A", "b"} & set(
        repr({"packed": given}).partition(" at ")[0].replace("<_io.BytesIO object", "").split("'")
    )
    assert eval(RUN, {"packed": given}) == TicketEnd(4, "b\n")
