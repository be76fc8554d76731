"""A cluster that is away, silent, full, or unfit for tries: it is waited for with a reason, nothing grows, and nobody's worker ends."""

import contextlib
import os
import re
import signal
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from penstock import Connection
from penstock.errors import ConfigError
from penstock.spec.remote import RemoteContext, Ticket
from penstock_dask.executors import DaskExecutor
from penstock_dask.executors.ticket_run import TicketEnd
from penstock_dask.hooks import DaskHook, dask_cluster
from penstock_dask.hooks.fit_workers import _problem

WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "penstock_dask":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""


class Told:
    """What an executor has told of tickets, and the executor."""

    def __init__(self, address, **options):
        self.notes, self.gone = {}, {}
        context = RemoteContext(
            "far", {"address": address, **options}, "", "i", Path("unused"), lambda: datetime.now(UTC), self._waiting, self._gone
        )  # fmt: skip
        self.executor = DaskExecutor(context)

    def _waiting(self, name, reason):
        self.notes[name] = reason

    def _gone(self, name, reason, **_):
        self.gone[name] = reason


@pytest.fixture
def told():
    made = []

    def make(address, **options):
        made.append(Told(address, **options))
        return made[-1]

    yield make
    for each in made:
        each.executor.stop()


def ticket(name, **config):
    return Ticket(name, f"{name}.s", "far", 1, 1, "d", "r", "t", executor_config={"dask": config})


def until(so):
    end = time.monotonic() + 30
    while not so():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("backlog", [None, 8], ids=["closed", "silent"])
def test_a_cluster_that_is_away_for_long_costs_no_thread_and_no_file(told, backlog, monkeypatch, capfd):
    """Each attempt left the thread of an event loop and three descriptors behind."""
    monkeypatch.setattr("penstock_dask.hooks.clients.HANDSHAKE_S", 0.1)
    with socket.create_server(("127.0.0.1", 0), backlog=8) as listening:
        if backlog is None:
            listening.close()
            address = "tcp://127.0.0.1:1"
        else:
            address = f"tcp://127.0.0.1:{listening.getsockname()[1]}"
        away, before = told(address, connect_timeout_s=0.1), set(threading.enumerate())
        seen = []
        for _ in range(5):
            with pytest.raises(OSError, match=r"127\.0\.0\.1"):
                away.executor.slots()
            until(lambda: not [each for each in {*threading.enumerate()} - before if "dask" in each.name])
            seen.append(len(list(Path("/proc/self/fd").iterdir())))
    assert max(seen[1:]) <= seen[0] + 1
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.xdist_group("dask_cluster")
def test_a_scheduler_that_stands_still_amid_is_asked_again(dask, told, monkeypatch):
    """It was waited for without an end: nothing was carried until it was ended."""
    monkeypatch.setattr(dask_cluster, "ANSWER_S", 0.5)
    monkeypatch.setattr(dask_cluster, "CLOSE_S", 0.2)
    line = told(dask.address)
    assert line.executor.slots() == 4
    os.kill(dask.scheduler.pid, signal.SIGSTOP)
    try:
        with pytest.raises(TimeoutError, match=r"at tcp://127.0.0.1:\d+ is connected, and has not answered for 0.5 s"):
            line.executor.slots()
    finally:
        os.kill(dask.scheduler.pid, signal.SIGCONT)
    assert line.executor.slots() == 4


@pytest.mark.xdist_group("dask_cluster")
def test_a_worker_without_the_package_is_told_by_its_name_and_goes_on(dask, told, tmp_path, monkeypatch):
    """What it was sent it could not unpickle, so that it ended; and the next one did."""
    (tmp_path / "sitecustomize.py").write_text(WITHOUT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    bare = dask.start_worker("--no-nanny", "--resources", "BARE=1")
    monkeypatch.delenv("PYTHONPATH")
    line = told(dask.address, command=["true"])
    try:
        assert line.executor.ring([ticket("t-bare", resources={"BARE": 1})]) == []
        assert re.fullmatch(
            r"Dask worker tcp://[\d.:]+ cannot run tries: No module named 'penstock_dask'; it needs .*", line.notes["t-bare"]
        )  # fmt: skip
        ended = []
        monkeypatch.setattr(line.executor, "_took", lambda *found: ended.append(found))
        line.executor.ring([ticket("t-other")])
        until(lambda: ended)
        assert ended == [("t-other", TicketEnd(0, ""))]
        assert bare.poll() is None
    finally:
        dask.workers.remove(bare)
        bare.terminate()
        bare.wait(20)


def test_why_a_worker_of_another_version_is_sent_nothing():
    assert _problem(None) == ""
    assert "it cannot read a task that is sent from here (state is not a dictionary)" in _problem(
        ValueError("state is not a dictionary")
    )


@pytest.mark.xdist_group("dask_cluster")
def test_what_a_full_cluster_is_waited_for_with(dask, told):
    line = told(dask.address, command=["sleep", "60"])
    tickets = [ticket(f"t-{n}", resources={"CPU": 2}) for n in range(4)]
    line.executor.ring(tickets)
    try:
        until(lambda: len(line.executor._cluster.states([each.name for each in tickets])) == 4)
        line.executor.look(tickets)
        assert set(line.notes.values()) == {"the Dask cluster is full: its workers have 2 threads and 4 tasks"}
    finally:
        line.executor.silence(tickets, "over")


@pytest.mark.xdist_group("dask_cluster")
def test_a_task_that_the_cluster_does_not_know_is_not_given_up(dask, told):
    """Its process may run on, as on a worker that has lost its scheduler: its try ran twice."""
    line = told(dask.address)
    for _ in range(3):
        line.executor.look([ticket("t-unknown")])
    assert line.gone == {}


@pytest.mark.parametrize(
    ("found", "note", "gone"),
    [
        (TicketEnd(0, ""), None, None),  # of a ticket that was another one's, too
        (TicketEnd(137, "Killed\n"), None, "its process on the Dask worker ended with 137: Killed"),
        (TicketEnd(5, "worker: no server\n"), "its process on the Dask worker ended with 5: worker: no server", None),
        (ModuleNotFoundError("No module named 'x'"), "a Dask worker cannot run it: No module named 'x'. Each worker", None),
        (OSError(28, "No space left on device"), "its Dask task failed: OSError: [Errno 28] No space left on device", None),
    ],
)  # fmt: skip
def test_what_becomes_of_a_ticket_whose_task_has_ended(told, found, note, gone):
    line = told("tcp://127.0.0.1:1")
    line.executor._took("t", found)
    assert line.notes.get("t", "").startswith(note or "")
    assert bool(line.notes) == bool(note)
    assert line.gone.get("t") == gone


def test_a_missing_sdk_is_told_with_what_to_do(told, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(
        ConfigError, match=r"distributed cannot be imported here: .*`plugin-manager doctor` shows what is missing"
    ):
        told("tcp://127.0.0.1:1").executor.start()


AUTHORITY = trustme.CA()


@contextlib.contextmanager
def by_tls(issued, authority):
    """A port that speaks TLS, and wants a certificate of the authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    issued.configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    taken = listening.accept()[0]
                    with contextlib.suppress(OSError), taken, context.wrap_socket(taken, server_side=True) as secured:
                        secured.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(60)


def issued(days):
    now = datetime.now(UTC)
    return AUTHORITY.issue_cert("127.0.0.1", not_before=now - timedelta(days=9), not_after=now + timedelta(days=days))


@pytest.mark.parametrize(
    ("theirs", "ours", "says"),
    [
        (-2, 2, "the scheduler's certificate is refused by tls_ca: certificate has expired"),
        (2, -2, "the scheduler refuses our certificate, tls_cert: certificate expired|where it refuses our certificate, tls_cert"),
        (2, None, "tls_key: .* cannot be read: No such file or directory"),
    ],
    ids=["theirs has expired", "ours has expired", "no file"],
)  # fmt: skip
def test_which_certificate_is_wrong_is_told(tmp_path, theirs, ours, says):
    files = {name: str(tmp_path / name) for name in ("tls_ca", "tls_cert", "tls_key")}
    certificate = issued(ours or 2)
    AUTHORITY.cert_pem.write_to_path(files["tls_ca"])
    certificate.cert_chain_pems[0].write_to_path(files["tls_cert"])
    if ours:
        certificate.private_key_pem.write_to_path(files["tls_key"])
    with by_tls(issued(theirs), AUTHORITY) as port:
        connection = Connection("d", "dask", host="127.0.0.1", port=port, extra={**files, "connect_timeout_s": 2})
        report = DaskHook(connection=connection).test_connection()
    assert re.search(says, report.detail), report.detail
    assert report.detail.count("127.0.0.1") <= 1
