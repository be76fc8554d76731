"""The proxy's connection to PostgreSQL, and the one rule that keeps answers in order.

Every message sent to PostgreSQL leaves an expectation of the answer that ends it. The pump takes answers in order and
gives each to whoever the first open expectation says: the client, or the proxy's own query. This is how the proxy
runs statements of its own between the client's, within the client's transaction.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from penstock_testkit.redshift import wire

# An expectation is met by any of these; an error meets it too, and drops all others before the next Sync.
_ENDS = {
    b"P": b"1",
    b"B": b"2",
    b"C": b"3",
    b"D": b"Tn",
    b"E": b"CIs",
    b"S": b"Z",
    b"Q": b"Z",
    b"F": b"Z",
}


@dataclass
class Answer:
    """All messages that answered a query of the proxy's own."""

    messages: list[wire.Message] = field(default_factory=list)

    @property
    def error(self) -> bytes | None:
        """The payload of the ErrorResponse, if there was one."""
        return next((payload for kind, payload in self.messages if kind == b"E"), None)

    @property
    def rows(self) -> list[list[str | None]]:
        """The rows in text format."""
        return [wire.data_row(payload) for kind, payload in self.messages if kind == b"D"]

    @property
    def tags(self) -> list[str]:
        """The tags of the completed commands, such as `SELECT 1`."""
        return [payload.rstrip(b"\0").decode() for kind, payload in self.messages if kind == b"C"]

    def relayed(self) -> bytes:
        """The frames that the client shall see: all but those of COPY and the end of the query."""
        return b"".join(wire.frame(kind, payload) for kind, payload in self.messages if kind not in b"GHdcZ")


@dataclass
class _Expected:
    kind: bytes
    capture: asyncio.Queue[wire.Message] | None = None
    refusal: bytes | None = None


class BackendLostError(Exception):
    """PostgreSQL closed the connection."""


class Backend:
    """One connection to PostgreSQL.

    Attributes:
        status: The transaction status of the last ReadyForQuery: `I`, `T` or `E`.
        pid: The backend's process id, once it told.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client: asyncio.StreamWriter,
        *,
        reports_unicode: bool,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._client = client
        self._reports_unicode = reports_unicode
        self._expected: deque[_Expected] = deque()
        self._skipping = False
        self._settled = asyncio.Condition()
        self.status = "I"
        self.pid = 0

    async def send(self, kind: bytes, payload: bytes, *, refusal: bytes | None = None) -> None:
        """Send a client's message; its answer goes to the client.

        Args:
            kind: The type byte.
            payload: Its payload.
            refusal: An ErrorResponse for the client in place of PostgreSQL's own error.
        """
        if kind in _ENDS:
            self._expect(_Expected(kind, refusal=refusal))
        self._writer.write(wire.frame(kind, payload))
        await self._writer.drain()

    async def run(self, sql: str) -> Answer:
        """Run a simple query of the proxy's own and return everything that answered it.

        Raises:
            BackendLostError: PostgreSQL closed the connection.
        """
        inbox = await self.start(sql)
        return await self.rest(inbox)

    async def start(self, sql: str) -> asyncio.Queue[wire.Message]:
        """Start a simple query of the proxy's own and return the queue of its answers."""
        inbox: asyncio.Queue[wire.Message] = asyncio.Queue()
        self._expect(_Expected(b"Q", capture=inbox))
        self._writer.write(wire.query(sql))
        await self._writer.drain()
        return inbox

    async def rest(self, inbox: asyncio.Queue[wire.Message]) -> Answer:
        """Return what is left of a started query's answers."""
        answer = Answer()
        while not answer.messages or answer.messages[-1][0] != b"Z":
            answer.messages.append(await self.next(inbox))
        return answer

    async def next(self, inbox: asyncio.Queue[wire.Message]) -> wire.Message:
        """Return the next answer of a started query.

        Raises:
            BackendLostError: PostgreSQL closed the connection.
        """
        message = await inbox.get()
        if not message[0]:
            raise BackendLostError
        return message

    async def copy_block(self, block: bytes) -> None:
        """Send rows to a COPY that is under way."""
        self._writer.write(wire.frame(b"d", block))
        await self._writer.drain()

    async def copy_end(self, failure: str | None = None) -> None:
        """End a COPY that is under way, or make it fail for a reason."""
        self._writer.write(wire.frame(b"c") if failure is None else wire.frame(b"f", wire.text(failure)))
        await self._writer.drain()

    async def settle(self) -> bool:
        """Wait for the answers to all that was sent, and tell whether PostgreSQL still listens.

        Returns:
            False when an error made it skip everything up to the next Sync.
        """
        self._writer.write(wire.frame(b"H"))
        await self._writer.drain()
        async with self._settled:
            await self._settled.wait_for(lambda: not self._expected)
        return not self._skipping

    def close(self) -> None:
        """Close the connection at once."""
        self._writer.close()

    async def pump(self) -> None:
        """Take PostgreSQL's messages to where they belong until it closes the connection."""
        try:
            while True:
                kind, payload = await wire.read_message(self._reader)
                if kind == b"E":
                    payload = _as_redshifts_error(payload)
                if kind != b"S" or _reported(payload):
                    await self._deliver(kind, payload)
        except (asyncio.IncompleteReadError, ConnectionError):
            for expected in self._expected:
                if expected.capture is not None:
                    expected.capture.put_nowait((b"", b""))
            self._expected.clear()
            await self._announce()

    def _expect(self, expected: _Expected) -> None:
        if expected.kind in b"SQ":
            self._skipping = False
        if not self._skipping:
            self._expected.append(expected)

    async def _deliver(self, kind: bytes, payload: bytes) -> None:
        head = self._expected[0] if self._expected else None
        if kind == b"Z":
            self.status = payload.decode()
        elif kind == b"K":
            self.pid = int.from_bytes(payload[:4], "big")
        if head is not None and head.capture is not None:
            head.capture.put_nowait((kind, payload))
        else:
            frame = wire.frame(kind, self._as_redshift(kind, payload))
            if kind == b"E" and head is not None and head.refusal is not None and _is_marker(payload):
                frame = head.refusal
            self._client.write(frame)
            await self._client.drain()
        if head is not None and kind in _ENDS[head.kind]:
            self._expected.popleft()
        elif head is not None and kind == b"E" and head.kind not in b"QF":
            self._drop_until_sync()
        if not self._expected:
            await self._announce()

    def _drop_until_sync(self) -> None:
        while self._expected and self._expected[0].kind not in b"SQF":
            self._expected.popleft()
        self._skipping = not self._expected

    def _as_redshift(self, kind: bytes, payload: bytes) -> bytes:
        if kind == b"S":
            (name, _), _ = wire.strings(payload, 2)
            if name == "server_version":
                return wire.text(name) + wire.text("8.0.2")
            if name == "client_encoding" and self._reports_unicode:
                return wire.text(name) + wire.text("UNICODE")
        return payload

    async def _announce(self) -> None:
        async with self._settled:
            self._settled.notify_all()


# What an 8.0 server reports. Source: "Asynchronous operations" of the protocol's page, PostgreSQL 8.0.
_REPORTED = {
    "server_version", "server_encoding", "client_encoding", "is_superuser", "session_authorization", "DateStyle",
    "TimeZone", "integer_datetimes",
}  # fmt: skip


def _reported(payload: bytes) -> bool:
    return wire.strings(payload, 1)[0][0] in _REPORTED


def _as_redshifts_error(payload: bytes) -> bytes:
    if wire.error_fields(payload).get("C") == "428C9":
        # Source: "INSERT" of the Amazon Redshift Database Developer Guide; the words are in embulk/embulk#486.
        return wire.error("cannot set an identity column to a value", "0A000")[5:]
    return payload


REFUSED = "SELECT pg_catalog.penstock_refused()"
"""A statement that PostgreSQL refuses, sent in place of one that Redshift refuses: the transaction fails for real."""


def _is_marker(payload: bytes) -> bool:
    # A transaction that had already failed says so, and that error stands.
    return wire.error_fields(payload).get("C") == "42883"
