"""A broker that refuses: what it is, on which thing, and what to do is told without a traceback; it goes on when that is over."""

import base64
import hashlib
import json
import logging
import threading
import time

import pytest
from amqp.exceptions import AccessRefused, ConsumerCancelled, MessageNacked, PreconditionFailed
from redis import Redis
from redis.exceptions import AuthenticationError, ResponseError

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.remote import Ticket
from penstock_celery.connections import read_options
from penstock_celery.errors import broker_error, broker_words
from penstock_celery.hooks.broker import Broker
from penstock_celery.hooks.celery_log import taken_log
from penstock_celery.hooks.foreign_messages import BrokerWatch
from penstock_celery.hooks.ticket_listener import TicketListener
from penstock_testkit.brokers.rabbitmq import rabbitmq
from penstock_testkit.brokers.valkey import valkey

pytestmark = pytest.mark.xdist_group("celery_odd")
MAXMEMORY = r"'maxmemory'\. Give the broker more memory, or remove what fills it"
READONLY = "read only replica.* Name the broker's primary; a URL of sentinel:// follows it"
RIGHTS = "ACCESS_REFUSED - access to exchange 'far' .*Let the broker's user configure, write and read"
OTHER = (
    "PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue 'far' .*Delete this queue, so that it is made anew"
)
FULL = "it refuses the message, as a queue that is full does"


def ticket(number, queue="far"):
    return Ticket(f"t-{number}", f"t-{number}.secret", queue, 1, 1, "d", "r", "t")


def broker(url):
    return Broker(read_options({"broker": url, "publish_timeout_s": 1.0}, "pool"), "pool")


class Listening:
    """A listener that is called again and again, and what it takes and raises."""

    slots = free = 1
    worker = "w"
    stopping = False

    def __init__(self, url, queue="far"):
        self.took, self.errors = [], []
        self._listener = TicketListener(read_options({"broker": url}, "pool"), [queue], "pool")
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def take(self, secret, claimed, ended=None, foreign=None):
        self.took.append(secret)
        claimed(False)

    def _run(self):
        while not self.stopping:
            try:
                self._listener.listen(self)
            except ProviderError as error:
                self.errors.append(str(error))
                time.sleep(0.2)

    def stop(self):
        self.stopping = True
        self._listener.stop()
        self._listener.stop()
        self._thread.join(60)
        assert not self._thread.is_alive()


def until(so, what):
    end = time.monotonic() + 60
    while not so():
        assert time.monotonic() < end, what()
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (AccessRefused("ACCESS_REFUSED - access to exchange 'far' in vhost '/' refused"), ErrorKind.PERMISSION, RIGHTS),
        (PreconditionFailed("PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue 'far' in"), ErrorKind.INVALID, OTHER),
        (MessageNacked(), ErrorKind.TRANSIENT, FULL),
    ],
)  # fmt: skip
def test_what_a_broker_refuses_is_told_with_what_to_do(error, kind, says):
    found = broker_error(error, "publish", "amqp://h")
    assert found.kind is kind
    with pytest.raises(ProviderError, match=says):
        raise found


def test_a_full_broker_and_one_that_became_a_replica_are_waited_for(caplog, capfd):
    """Why Celery's worker had ended was a traceback, again and again, and "exit code 1" to its pool."""
    with valkey() as server:
        client, line, listening = Redis(port=server.port), broker(server.url), Listening(server.url)
        line.publish([ticket(1)])
        until(lambda: listening.took == ["t-1.secret"], lambda: listening.errors)
        client.config_set("maxmemory", "1mb")
        with pytest.raises(ProviderError, match=MAXMEMORY):
            line.publish([ticket(2)])
        client.config_set("maxmemory", "0")
        client.execute_command("REPLICAOF", "127.0.0.1", "1")
        with pytest.raises(ProviderError, match=READONLY):
            line.publish([ticket(3)])
        until(lambda: len(listening.errors) >= 3, lambda: listening.errors)
        client.execute_command("REPLICAOF", "NO", "ONE")
        line.publish([ticket(4)])
        until(lambda: listening.took[-1] == "t-4.secret", lambda: listening.errors)
        client.flushall()
        line.publish([ticket(5)])
        until(lambda: listening.took[-1] == "t-5.secret", lambda: listening.errors)
        listening.stop()
        line.close()
    assert all("read only replica" in each or "UNBLOCKED" in each for each in listening.errors)
    told = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert sum("is back" in each for each in told) <= 1, told
    assert "Traceback" not in caplog.text + capfd.readouterr().err


COMMANDS = "Let the broker's user run all commands on all keys and channels"
LOGIN = "Check the user, the password and the virtual host of the broker"
ALL = ("on", ">pw", "~*", "&*", "+@all")
TAKEN = [("-@write", COMMANDS), ("off", LOGIN)]


def test_rights_that_are_taken_away_amid_work_are_told_and_waited_for(caplog):
    """Each line that came about was "is back", and what was missing was told without what to do."""
    with valkey() as server:
        admin = Redis(port=server.port)
        allow = lambda *rules: admin.execute_command("ACL", "SETUSER", "ann", *rules)  # noqa: E731
        allow(*ALL)
        url = server.url.replace("//", "//ann:pw@")
        line, listening = broker(url), Listening(url)
        for number, (taken, says) in enumerate(TAKEN):
            allow(taken)
            admin.execute_command("CLIENT", "KILL", "USER", "ann")
            with pytest.raises(ProviderError, match=says):
                line.publish([ticket(number)])
            until(lambda: says in "".join([*listening.errors, caplog.text]), lambda: listening.errors)  # noqa: B023
            told = caplog.messages
            assert not [each for each in told if "is back" in each or "Traceback" in each or "Command #" in each], told
            listening.errors.clear()
            allow(*ALL)
            line.publish([ticket(number)])
            until(lambda: "is back" in caplog.text, lambda: listening.errors)
            assert listening.took[-1] == f"t-{number}.secret"
            caplog.clear()
        listening.stop()
        line.close()


def test_what_celery_logs_is_told_by_the_gravest_exception_and_without_tracebacks(caplog, capfd):
    """What failed while its worker was taken apart came as a traceback, and hid why it ended."""
    with taken_log("redis://h") as log:
        for logger, level, words in (
            ("celery.worker", logging.CRITICAL, "User ann has no permissions to run the 'get' command"),
            ("celery.bootsteps", logging.ERROR, "another"),
            ("kombu.transport.redis", logging.WARNING, "a third"),
        ):
            logging.getLogger(logger).log(level, "Error on stopping", exc_info=ResponseError(words))
        for _ in range(2):
            logging.getLogger("celery.worker").error(
                "Cannot connect to %s: %s", "redis://h", AuthenticationError("WRONGPASS")
            )
    assert str(log.error).startswith("User ann has no permissions")
    assert caplog.messages == [
        f"worker: celery connect: broker redis://h: WRONGPASS. {LOGIN} in the executor's options or connection."
    ]
    assert "Traceback" not in capfd.readouterr().err


def test_an_entry_that_is_no_message_is_told_as_such_and_ends_nothing():
    with valkey() as server:
        client, line, listening = Redis(port=server.port), broker(server.url), Listening(server.url)
        client.lpush("far", b"junk")
        until(lambda: listening.errors, str)
        line.publish([ticket(1)])
        until(lambda: listening.took, lambda: listening.errors)
        listening.stop()
        line.close()
    assert "an entry of its queue is no message of Celery's, and is gone (JSONDecodeError: " in listening.errors[0]


def test_what_celery_stumbles_over_on_a_line_that_is_lost_is_no_entry_of_a_queue():
    watch, refused, closed = (
        BrokerWatch(),
        ConnectionError("refused"),
        AttributeError("'NoneType' object has no attribute 'client'"),
    )
    assert watch.cause(closed) is closed
    watch.lost("redis://here", refused)
    watch.lost()
    assert watch.cause(closed) is refused
    watch.found("redis://here")
    assert watch.cause(None) is None


def test_why_a_command_was_refused_is_told_without_the_message_that_it_sent():
    refused = ResponseError(
        'Command # 2 (HSET unacked 5-1 [{"body": "t-1.secret"}) of pipeline caused error: no permissions to run the \'hset\' command'
    )
    assert broker_words(refused) == "no permissions to run the 'hset' command"
    assert broker_words(ConsumerCancelled()) == "its queue was deleted"


def hashed(password):
    return base64.b64encode(b"salt" + hashlib.sha256(b"salt" + password.encode()).digest()).decode()


def user(name):
    return {
        "name": name,
        "password_hash": hashed("pw"),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": "",
    }


DEFINITIONS = {
    "users": [user("guest"), user("ann")],
    "vhosts": [{"name": "/"}],
    "permissions": [
        {"user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"},
        {"user": "ann", "vhost": "/", "configure": "", "write": "", "read": ""},
    ],
    "queues": [{"name": "far", "vhost": "/", "durable": True, "auto_delete": False, "arguments": {"x-max-length": 1}}],
    "policies": [
        {"name": name, "vhost": "/", "pattern": name, "apply-to": "queues", "priority": 0, "definition": {"max-length": 1, **more}}
        for name, more in (("drops", {}), ("rejects", {"overflow": "reject-publish"}))
    ],
}  # fmt: skip


@pytest.mark.nightly  # the words of each are those of the table above
def test_rights_arguments_and_bounds_of_queues_are_told(tmp_path, caplog):
    (tmp_path / "definitions.json").write_text(json.dumps(DEFINITIONS))
    with rabbitmq(f"load_definitions = {tmp_path / 'definitions.json'}\n") as server:
        url = server.url.replace("guest:guest", "guest:pw")
        for login, says in (("ann:pw", RIGHTS), ("guest:pw", OTHER)):
            with pytest.raises(ProviderError, match=says):
                broker(server.url.replace("guest:guest", login)).publish([ticket(1)])
            options = read_options({"broker": server.url.replace("guest:guest", login)}, "pool")
            with pytest.raises(ProviderError, match=says):
                TicketListener(options, ["far"], "pool").listen(Listening.__new__(Listening))
        line = broker(url)
        line.publish([ticket(1, "drops"), ticket(2, "drops")])
        assert line.waiting("drops") == 1
        line.publish([ticket(1, "rejects")])
        with pytest.raises(ProviderError, match=FULL):
            line.publish([ticket(2, "rejects")])
        line.close()
    assert "Traceback" not in caplog.text


@pytest.mark.nightly
def test_a_broker_that_is_short_of_memory_is_told_as_such_and_keeps_no_worker_from_ending():
    """Celery waited for its answer, for as long as the alarm held."""
    with rabbitmq("vm_memory_high_watermark.absolute = 1MB\n") as server:
        listening = Listening(server.url)
        until(lambda: listening._listener._pool and listening._listener._pool._worker.consumer.event_dispatcher, str)
        time.sleep(2.5)  # it sends an event every two seconds, from which on the broker reads no more of that line
        began_s = time.monotonic()
        listening.stop()
        assert time.monotonic() - began_s < 30
        line = broker(server.url)
        with pytest.raises(ProviderError, match=r"it takes no messages now, as it is short of memory or of disk"):
            line.publish([ticket(1)])
        line.close()
