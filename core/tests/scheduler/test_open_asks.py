"""What tries ask of a secrets backend, while the scheduler goes on."""

import select
import sys
import time
from types import SimpleNamespace

import pytest

from penstock.clock import SystemClock
from penstock.model.connection import Connection
from penstock.model.run import TaskKey
from penstock.scheduler.in_hand import InHand
from penstock.scheduler.open_asks import OpenAsks
from penstock.scheduler.outage import Outage
from penstock.spec.executor import TryAsked
from penstock.spec.wire import Ask
from penstock.store import Keyring, Store
from penstock.tries.asks import Asks
from penstock.tries.backend_line import BackendConfig, BackendLine, BackendPorts
from penstock.tries.backend_source import BackendSource
from penstock.tries.vault import Vault
from penstock.tries.vault_sources import EnvironmentSource, StoreSource

PROGRAM = """
import socket, sys, time
from penstock.tries.backend_process import serve_backend

class Backend:
    def connection(self, conn_id):
        if conn_id == "hangs":
            time.sleep(600)
        if conn_id == "raises":
            raise OSError("no way")
        return "http://held/" if conn_id == "held" else None

    def variable(self, key):
        return None

serve_backend(socket.socket(fileno=int(sys.argv[-1])), lambda setup: Backend())
"""


@pytest.fixture
def backend(tmp_path):
    program = tmp_path / "backend.py"
    program.write_text(PROGRAM)
    ports = BackendPorts(time.monotonic, lambda _: None, lambda ask, value: ())
    setup = BackendConfig("acme", "acme.secrets", {}, "{}")
    line = BackendLine([sys.executable, str(program)], setup, 1.0, tmp_path / "log", ports)
    return BackendSource("acme", line, 60.0, time.monotonic)


@pytest.fixture
def place():
    """An executor of which nothing counts but what it is answered."""
    replies = {}
    return SimpleNamespace(replies=replies, reply=lambda asked, reply: replies.setdefault(asked.ask.args[0], reply))


@pytest.fixture
def open_asks(tmp_path, backend):
    with Store.open(f"sqlite:///{tmp_path}/penstock.db", Keyring.of_file(tmp_path / "key")) as store:
        store.config.put_connection(Connection("stored", "http", password="ppp"), SystemClock().now())
        near = EnvironmentSource({"near": Connection("near", "http")}, {})
        asks = Asks(store, SystemClock(), Vault([near, backend, StoreSource(store)]))
        made = OpenAsks(asks, time.monotonic, Outage(None), InHand())
        yield made
        made.close()


def test_a_question_that_a_backend_owes_an_answer_is_open_until_it_has_come(open_asks, place):
    def ask(method, name):
        open_asks.take(place, TryAsked(TaskKey(1, "t"), 1, 0, Ask(method, (name,))))

    def until(*names):
        while not set(names) <= place.replies.keys():
            select.select(open_asks.readable, [], [], open_asks.wait_s)
            open_asks.go_on()

    assert open_asks.readable == [], "no process is started that nobody asks"
    ask("connection", "near")
    assert place.replies["near"].value["conn_id"] == "near"
    for name in ("held", "stored", "nowhere", "raises"):
        ask("connection", name)
    ask("variable", "region")
    assert place.replies.keys() == {"near"}, "it waits for nobody"
    until("held", "stored", "nowhere", "raises", "region")
    assert place.replies["held"].value["host"] == "held"
    assert (place.replies["stored"].value["conn_id"], place.replies["stored"].secrets) == ("stored", ("ppp",))
    assert place.replies["nowhere"].error_type == "NotFoundError"
    assert "or store it in 'acme'" in place.replies["nowhere"].error
    assert "failed at connection('raises'): OSError: no way" in place.replies["raises"].error
    assert (place.replies["region"].value, place.replies["region"].error) == (None, "")
    ask("connection", "held")
    ask("connection", "hangs")
    ask("connection", "behind")
    assert place.replies.keys().isdisjoint({"hangs", "behind"})
    until("hangs", "behind")
    assert "did not answer within 1 s" in place.replies["hangs"].error
    assert "did not answer within 1 s" in place.replies["behind"].error
