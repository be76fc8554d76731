"""A secrets backend in a process of its own, whatever it does."""

import sys
import time

import pytest

from penstock.errors import ConfigError
from penstock.model.connection import Connection
from penstock.spec.wire import Reply
from penstock.tries.backend_line import BackendConfig, BackendLine, BackendPorts
from penstock.tries.backend_source import BackendSource, secrets_of_answer
from penstock.tries.vault import Vault
from penstock.tries.vault_listing import list_connections

PROGRAM = """
import os, signal, socket, sys, time
from penstock import Connection
from penstock.tries.backend_process import serve_backend

class Backend:
    def __init__(self, pin, secret=""):
        if pin != 7:
            raise ValueError("the pin is wrong: " + secret)
        self.asked = 0

    def connection(self, conn_id):
        self.asked += 1
        match conn_id:
            case "hangs":
                time.sleep(600)
            case "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            case "raises":
                raise PermissionError("you may not")
            case "pin":
                raise PermissionError("you may not with the pin p1n-word")
            case "half":
                raise ValueError("half \\udc80 one")
            case "exits":
                sys.exit("enough")
            case "other":
                return Connection("another", "http")
            case "huge":
                return Connection("huge", "http", password="x" * (4 << 20))
            case "number":
                return 7
            case "text":
                return "http://ann:s3cr3t-word@host/"
            case "bad text":
                return "http://ann:p@ss@host/"
            case "prints":
                print("it is s3cr3t-word", flush=True)
                return Connection("prints", "http", password="s3cr3t-word")
            case "asks":
                return Connection("asks", "http", host=Connection.get("door").host)
            case "counts":
                return Connection("counts", "http", port=self.asked)
        return None

    def connection_ids(self):
        return ["text"]

    def variable(self, key):
        return {"token": "ttt-word", "region": "eu"}.get(key)

    def variable_keys(self):
        return None

serve_backend(socket.socket(fileno=int(sys.argv[-1])), lambda setup: Backend(**setup.options))
"""


def answer(ask):
    found = Connection("door", "http", host="door.example")
    return Reply({"conn_id": "door", "conn_type": "http", "host": found.host}) if ask.args == ("door",) else Reply()


class Hand:
    """A clock that is turned by hand; it goes on by itself, too, so that time limits end."""

    def __init__(self):
        self.ahead_s = 0.0

    def __call__(self):
        return time.monotonic() + self.ahead_s


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("backend") / "backend.py"
    path.write_text(PROGRAM)
    return path


@pytest.fixture
def hand():
    return Hand()


@pytest.fixture
def make(program, hand, tmp_path):
    made = []

    def source(timeout_s=30.0, cache_s=0.0, **options):
        ports = BackendPorts(hand, answer, lambda ask, value: tuple(secrets_of_answer(ask, value)))
        setup = BackendConfig("acme", "acme.secrets", options or {"pin": 7}, "{}")
        line = BackendLine([sys.executable, str(program)], setup, timeout_s, tmp_path / "acme.log", ports)
        made.append(BackendSource("acme", line, cache_s, hand))
        return made[-1]

    yield source
    for each in made:
        each.close()


@pytest.fixture(scope="module")
def failures(program, tmp_path_factory):
    """What is said of each id at which the backend fails, all asked of one source."""
    ports = BackendPorts(time.monotonic, answer, lambda ask, value: tuple(secrets_of_answer(ask, value)))
    log = tmp_path_factory.mktemp("failures") / "acme.log"
    line = BackendLine(
        [sys.executable, str(program)],
        BackendConfig("acme", "a.b", {"pin": 7, "secret": "p1n-word"}, "{}"),
        30.0,
        log,
        ports,
    )
    source, found = BackendSource("acme", line, 60.0, time.monotonic), {}
    for conn_id in ("raises", "pin", "half", "exits", "other", "huge", "number", "bad text", "dies"):
        with pytest.raises(ConfigError) as error:
            Vault([source]).connection(conn_id)
        found[conn_id] = str(error.value)
    found["after"] = source.connection("text")
    source.close()
    return found


@pytest.mark.parametrize(
    ("conn_id", "told"),
    [
        ("raises", "PermissionError: you may not"),
        ("pin", "PermissionError: you may not with the pin ***"),
        ("half", "ValueError: half \N{REPLACEMENT CHARACTER} one"),
        ("exits", "SystemExit: enough"),
        ("other", "it answers for another id, 'another'"),
        ("huge", "connection() returned 4,194,"),
        ("huge", " bytes; at most 4,194,304 are taken"),
        ("number", "connection() returned a int; it must return a Connection, its text, or None"),
        ("bad text", "a part of the URI holds one of @ / ? # as it is"),
        ("dies", "its process was killed by SIGKILL (Killed)"),
    ],
)
def test_a_backend_that_fails_is_told_with_its_name_and_the_question(failures, conn_id, told):
    assert failures[conn_id].startswith(
        f"the source 'acme' of connections and Variables failed at connection('{conn_id}')"
    )
    assert told in failures[conn_id]
    assert "p@ss" not in failures[conn_id]


def test_a_backend_whose_process_has_ended_is_started_again(failures):
    assert failures["after"] == Connection("text", "http", host="host", login="ann", password="s3cr3t-word")


def test_answers_are_found_masked_and_remembered_for_as_long_as_the_settings_say(make, hand, tmp_path):
    source = make(cache_s=60.0)
    assert source.connection("nowhere") is None
    assert source.connection("counts").port == 2
    hand.ahead_s += 59.0
    assert source.connection("counts").port == 2, "it is remembered"
    assert source.connection("nowhere") is None
    hand.ahead_s += 2.0
    assert source.connection("counts").port == 3, "it was asked again"
    assert source.connection("prints").password == "s3cr3t-word"
    assert source.connection("asks").host == "door.example"
    assert source.variables(["token", "nowhere"]) == {"token": "ttt-word"}
    assert (source.connection_ids(), source.variable_keys()) == ({"text"}, None)
    for conn_id in ("other", "other"):
        with pytest.raises(ConfigError):
            source.connection(conn_id)
    assert source.connection("counts").port == 3
    hand.ahead_s += 61.0
    assert source.connection("counts").port == 8, "what failed was not remembered: it was asked twice"
    assert (tmp_path / "acme.log").read_text() == "it is ***\n"


def test_one_that_hangs_is_ended_and_fails_at_once_until_it_is_due_again(make, hand):
    source = make(timeout_s=0.2)
    source.connection("nowhere")
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"it did not answer within 0.2 s and its process was ended"):
            source.connection("hangs")
        hand.ahead_s += 10.0
    hand.ahead_s -= 10.0
    with pytest.raises(ConfigError, match=r"did not answer within 0.2 s .*; it is asked again in 1 s"):
        source.connection("nowhere")


def test_one_that_cannot_be_made_says_why(make):
    with pytest.raises(ConfigError, match=r"it cannot be made: ValueError: the pin is wrong: \*\*\*"):
        make(pin=8, secret="p1n-word").connection("text")


def test_the_vault_asks_it_in_its_turn_and_nothing_falls_through(make):
    class Later:
        name, remote = "later", False

        def connection(self, conn_id):
            return Connection(conn_id, "later")

        def connection_ids(self):
            return ["text", "own"]

    vault = Vault([make(), Later()])
    assert vault.connection("text").source == "acme"
    assert vault.connection("own").source == "later"
    with pytest.raises(ConfigError):
        vault.connection("raises")
    assert [(each.name, each.source, each.shadowed) for each in list_connections(vault).things] == [
        ("text", "acme", False),
        ("own", "later", False),
        ("text", "later", True),
    ]


def test_a_question_that_is_asked_again_meanwhile_is_asked_once(make, hand):
    source, answers = make(), []
    for _ in range(3):
        source.begin("connection", ("counts",), lambda value, error: answers.append((value.port, error)))
    assert answers == []
    assert source.connection("text").login == "ann"
    assert answers == [(1, "")] * 3
