"""What in a queue is none of Penstock's is thrown away; what cannot be reached, or is missing, is told."""

import json
import sys

import pytest
from kombu.message import Message

from penstock.errors import ConfigError, ErrorKind, ProviderError
from penstock_celery.connections import read_options
from penstock_celery.hooks.foreign_messages import is_ring
from penstock_celery.hooks.ticket_listener import TicketListener
from penstock_testkit.brokers.valkey import valkey

EMBEDDED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
GOOD = {
    "task": "penstock.ring",
    "id": "t-x",
    "lang": "py",
    "eta": None,
    "expires": None,
    "timelimit": [None, None],
    "retries": 0,
}


def message(body, headers=GOOD, kind="application/json"):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Message(content, content_type=kind, content_encoding="utf-8", headers=headers, accept={"application/json"})


def test_what_an_executor_publishes_is_a_ring():
    assert is_ring(message([["t-x.secret"], {}, EMBEDDED]))


@pytest.mark.parametrize(
    "body",
    [b"", b"no json", b"\xff", None, 5, {}, [], [["t-x.y"], {}], [5, {}, {}], [[], {}, {}], [[7], {}, {}], [["a", "b"], {}, {}], [["a"], None, {}], [["a"], {}, 5]],  # noqa: E501
    ids=str,
)  # fmt: skip
def test_another_body_is_none(body):
    assert not is_ring(message(body))


@pytest.mark.parametrize(
    "headers",
    [None, {}, {"task": "evil.rm"}, {"id": None}, {"eta": "2099-01-01T00:00:00Z"}, {"expires": "odd"}, {"timelimit": ["a", None]}, {"retries": "x"}],  # noqa: E501
    ids=str,
)  # fmt: skip
def test_other_headers_are_none(headers):
    given = {**GOOD, **headers} if isinstance(headers, dict) and headers else headers
    assert not is_ring(message([["t-x.secret"], {}, EMBEDDED], given))


def test_what_is_longer_than_any_ticket_is_none_and_is_not_read():
    assert not is_ring(message([["t-x." + "s" * 5000], {}, EMBEDDED]))


def test_what_python_alone_can_read_is_never_read():
    pickled = b"cos\nsystem\n(S'true'\ntR."
    assert not is_ring(message(pickled, kind="application/x-python-serialize"))


def listener(url):
    return TicketListener(read_options({"broker": url}, "pool"), ["default"], "pool")


def test_a_broker_that_lets_nobody_in_is_told_and_not_tried_for_ever():
    refused = pytest.raises(ProviderError, match="Check the user, the password and the virtual host")
    with valkey("a-secret-word") as server, refused as caught:
        listener(server.url.replace("a-secret-word", "another-word")).listen(None)
    assert caught.value.kind is ErrorKind.AUTH
    assert "another-word" not in str(caught.value)


def test_a_broker_that_is_away_is_told():
    with pytest.raises(ProviderError, match=r"broker redis://127.0.0.1:1/0: .*refused"):
        listener("redis://127.0.0.1:1/0").listen(None)


@pytest.mark.parametrize(
    ("module", "url"), [("celery", "amqp://127.0.0.1//"), ("redis", "sentinel://127.0.0.1"), ("amqp", "pyamqp://h")]
)
def test_what_is_not_installed_is_told_with_what_to_do(monkeypatch, module, url):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        ConfigError, match=f"executor 'pool' needs {module}, which cannot be imported here: .*plugin-manager doctor"
    ):
        listener(url)
