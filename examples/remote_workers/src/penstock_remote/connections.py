"""The connections of workers, at the executor's end: nothing here blocks."""

import contextlib
import hmac
import logging
import selectors
import socket
import time
from collections.abc import Iterator

from penstock.errors import ConfigError, RequestError, as_sentence
from penstock.spec.wire import Reply
from penstock_remote.messages import (
    LARGEST,
    LARGEST_HELLO,
    Answered,
    FromExecutor,
    FromWorker,
    Hello,
    MessageReader,
    Received,
    Refused,
    Welcome,
    encode,
)

_READ_SIZE = 1 << 18
_STRANGERS = 64
_GREETING_S = 10.0
"""How many connections may be open that have not shown the token, and how long each."""

_log = logging.getLogger(__name__)


class Connection:
    """A connection: a stranger's, until it has greeted.

    Args:
        sock: The socket.
        address: Where it comes from.
        selector: Watches it.

    Attributes:
        worker: Name of the worker; "" for a stranger.
        slots: Tries that it runs at once.
        received: Serial of the last report.
        owes_word: Whether the worker is to hear what was received.
        closed: Whether this end has hung up.
    """

    def __init__(self, sock: socket.socket, address: str, selector: selectors.BaseSelector) -> None:
        self._sock, self.address, self._selector = sock, address, selector
        self.worker, self.slots, self.received, self.owes_word = "", 0, 0, False
        self._reader: MessageReader[FromWorker] = MessageReader(FromWorker, LARGEST_HELLO)
        self._unsent = bytearray()
        self._heard_s, self.closed = time.monotonic(), False
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_READ, self)

    def greet(self, worker: str, slots: int) -> None:
        """Let it in: it has shown the token."""
        self.worker, self.slots, self._reader.largest = worker, slots, LARGEST
        self._heard_s = time.monotonic()

    def silent_s(self) -> float:
        """Seconds since the last word of a worker, or since a stranger connected."""
        return time.monotonic() - self._heard_s

    def receive(self) -> Iterator[FromWorker]:
        """Yield what has come.

        Raises:
            RequestError: It is no message.
            ConnectionResetError: The other end is gone.
        """
        try:
            data = self._sock.recv(_READ_SIZE)
        except BlockingIOError:
            return
        if not data:
            raise ConnectionResetError("it hung up")
        for message in self._reader.feed(data):
            yield message
            if self.worker:
                self._heard_s = time.monotonic()

    def send(self, message: FromExecutor) -> None:
        """Send a message, as soon as the worker takes it; raises RequestError if it is too large."""
        self._unsent += encode(message)
        try:
            self.flush()
        except OSError:
            self._unsent.clear()  # reading finds out that the other end is gone

    def answer(self, number: int, reply: Reply) -> None:
        """Send the answer to a question; that it is too large is an answer, too."""
        try:
            self.send(Answered(number, reply))
        except RequestError as error:
            self.send(Answered(number, Reply(error=f"the answer is too large: {error}", error_type="RequestError")))

    def acknowledge(self) -> None:
        """Tell the worker what it may forget, if it has said anything since."""
        if self.owes_word:
            self.owes_word = False
            self.send(Received(self.received))

    def flush(self) -> None:
        """Send what can be sent now, and be told when there is room for the rest; raises OSError if the other end is gone."""
        try:
            while self._unsent:
                del self._unsent[: self._sock.send(self._unsent)]
        except BlockingIOError:
            pass
        self._selector.modify(self._sock, selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0), self)

    def close(self) -> None:
        """Hang up."""
        if not self.closed:
            self.closed = True
            self._selector.unregister(self._sock)
            self._sock.close()


class Workers:
    """The workers that are connected, and strangers that have not shown the token yet.

    Args:
        name: The executor's, for the log.
        address: Where workers are awaited.
        token: What they have to show.
        lease_s: Seconds after which a silent one is cut off: it has lost its leases.
    """

    def __init__(self, name: str, address: tuple[str, int], token: str, lease_s: float) -> None:
        self._name, self._address, self._token, self._lease_s = name, address, token.encode(), lease_s
        self._selector = selectors.DefaultSelector()
        self._strangers: set[Connection] = set()
        self._workers: dict[str, Connection] = {}

    def start(self) -> None:
        """Listen; raises ConfigError if the address cannot be used."""
        try:
            self._listener = socket.create_server(self._address, backlog=_STRANGERS)
        except OSError as error:
            raise ConfigError(
                f"executor {self._name!r} cannot listen on {self._address}: {as_sentence(error)}"
            ) from None
        self._wake_r, self._wake_w = socket.socketpair()
        for each in (self._listener, self._wake_r, self._wake_w):
            each.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake_r, selectors.EVENT_READ)

    def fileno(self) -> int:
        """The selector's descriptor: readable when any of its sockets is."""
        return self._selector.fileno()

    def wake(self) -> None:
        """Make `fileno` readable; may be called from any thread, and after the end."""
        with contextlib.suppress(OSError):  # it is, many times, or nobody looks any more
            self._wake_w.send(b"x")

    def get(self, worker: str) -> Connection | None:
        """The connection of a worker, None while it has none."""
        return self._workers.get(worker)

    def lively(self) -> list[Connection]:
        """Workers to give work to: one that has missed two heartbeats in a row may be gone."""
        return [each for each in self._workers.values() if each.silent_s() < self._lease_s / 2]

    def acknowledge(self) -> None:
        """Tell all of them what they may forget."""
        for worker in self._workers.values():
            worker.acknowledge()

    def receive(self) -> Iterator[tuple[Connection, FromWorker]]:
        """Yield what workers say, the first of each its `Hello`; send what waits to be sent."""
        for key, mask in self._selector.select(0):
            if key.fileobj is self._listener:
                self._accept()
            elif key.fileobj is self._wake_r:
                self._wake_r.recv(1 << 12)
            elif not key.data.closed:
                yield from self._received(key.data, mask)
        for connection in [each for each in self._strangers if each.silent_s() > _GREETING_S]:
            self._forget(connection)
        for worker in [each for each in self._workers.values() if each.silent_s() > self._lease_s]:
            _log.warning("executor %r has not heard of worker %r for a whole lease", self._name, worker.worker)
            self._forget(worker)

    def close(self) -> None:
        """Hang up."""
        for connection in [*self._strangers, *self._workers.values()]:
            connection.close()
        for each in (self._listener, self._wake_r, self._wake_w, self._selector):
            each.close()

    def _accept(self) -> None:
        try:
            sock, address = self._listener.accept()
        except OSError:  # gone already, or no descriptor is left: the next one may have more luck
            return
        if len(self._strangers) >= _STRANGERS:
            sock.close()
            return
        self._strangers.add(Connection(sock, f"{address[0]}:{address[1]}", self._selector))

    def _received(self, connection: Connection, mask: int) -> Iterator[tuple[Connection, FromWorker]]:
        """Yield what one of them says; who says something wrong is told so and cut off, and nobody else is."""
        try:
            if mask & selectors.EVENT_WRITE:
                connection.flush()
            if mask & selectors.EVENT_READ:
                for message in connection.receive():
                    if isinstance(message, Hello) or not connection.worker:
                        self._greet(connection, message)
                    yield connection, message
        except RequestError as error:
            _log.warning("executor %r refused %s: %s", self._name, connection.worker or connection.address, error)
            connection.send(Refused(str(error)))
            self._forget(connection)
        except OSError:
            self._forget(connection)

    def _greet(self, connection: Connection, hello: FromWorker) -> None:
        """Let a stranger in; raises RequestError if it is none, or does not show the token."""
        if connection.worker or not isinstance(hello, Hello):
            raise RequestError("a worker says hello first, and once.")
        if not hmac.compare_digest(hello.token.encode(), self._token):
            raise RequestError("the token is wrong. Give the worker a --token-file with the token of the executor.")
        # The worker has lost its earlier connection before this end has noticed.
        if (earlier := self._workers.get(hello.worker)) is not None:
            self._forget(earlier)
        self._strangers.discard(connection)
        self._workers[hello.worker] = connection
        connection.greet(hello.worker, hello.slots)
        connection.send(Welcome(self._lease_s))

    def _forget(self, connection: Connection) -> None:
        connection.close()
        self._strangers.discard(connection)
        if self._workers.get(connection.worker) is connection:
            del self._workers[connection.worker]
