"""Messages of the PostgreSQL wire protocol 3.0: reading and building frames, no state.

Source: "Frontend/Backend Protocol" of PostgreSQL's documentation. Redshift speaks the same protocol version.
"""

import asyncio
import struct

SSL_REQUEST = 80877103
GSS_REQUEST = 80877104
CANCEL_REQUEST = 80877102

Message = tuple[bytes, bytes]


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """Build a message of a type byte, a length and a payload."""
    return kind + struct.pack("!I", len(payload) + 4) + payload


def text(value: str) -> bytes:
    """Encode a zero-terminated text."""
    return value.encode() + b"\0"


def query(sql: str) -> bytes:
    """Build a simple query."""
    return frame(b"Q", text(sql))


def error(message: str, sqlstate: str, detail: str = "", severity: str = "ERROR") -> bytes:
    """Build an ErrorResponse."""
    fields = {"S": severity, "V": severity, "C": sqlstate, "M": message} | ({"D": detail} if detail else {})
    return frame(b"E", b"".join(code.encode() + text(value) for code, value in fields.items()) + b"\0")


def notice(message: str) -> bytes:
    """Build a NoticeResponse of severity INFO, which Redshift sends after COPY and UNLOAD."""
    fields = {"S": "INFO", "V": "INFO", "C": "00000", "M": message}
    return frame(b"N", b"".join(code.encode() + text(value) for code, value in fields.items()) + b"\0")


def command_complete(tag: str) -> bytes:
    """Build a CommandComplete."""
    return frame(b"C", text(tag))


def ready(status: str) -> bytes:
    """Build a ReadyForQuery with a transaction status: `I` idle, `T` in a transaction, `E` in a failed one."""
    return frame(b"Z", status.encode())


def error_fields(payload: bytes) -> dict[str, str]:
    """Return the fields of an ErrorResponse by their code letter."""
    return {part[:1].decode(): part[1:].decode(errors="replace") for part in payload.split(b"\0") if part}


def strings(payload: bytes, count: int) -> tuple[list[str], bytes]:
    """Take zero-terminated texts from the front of a payload, and return them with the rest."""
    *parts, rest = payload.split(b"\0", count)
    return [part.decode(errors="replace") for part in parts], rest


def data_row(payload: bytes) -> list[str | None]:
    """Return the fields of a DataRow in text format."""
    (count,) = struct.unpack_from("!H", payload)
    position, fields = 2, list[str | None]()
    for _ in range(count):
        (length,) = struct.unpack_from("!i", payload, position)
        position += 4
        if length < 0:
            fields.append(None)
            continue
        fields.append(payload[position : position + length].decode())
        position += length
    return fields


async def read_message(reader: asyncio.StreamReader) -> Message:
    """Read one message after start-up.

    Raises:
        asyncio.IncompleteReadError: The peer closed the connection.
        ConnectionError: The length cannot be right.
    """
    head = await reader.readexactly(5)
    (length,) = struct.unpack_from("!I", head, 1)
    if not 4 <= length < 1 << 30:
        raise ConnectionError(f"a message of {length} bytes is no message of the protocol")
    return head[:1], await reader.readexactly(length - 4)


async def read_startup(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read a start-up packet and return its code (protocol version or request) and the rest.

    Raises:
        asyncio.IncompleteReadError: The peer closed the connection.
        ConnectionError: The length cannot be right.
    """
    length, code = struct.unpack("!II", await reader.readexactly(8))
    if not 8 <= length <= 10_000:
        raise ConnectionError(f"a start-up packet of {length} bytes is no packet of the protocol")
    return code, await reader.readexactly(length - 8)


def startup_parameters(payload: bytes) -> dict[str, str]:
    """Return the parameters of a StartupMessage."""
    parts = [part.decode(errors="replace") for part in payload.split(b"\0")]
    return {name: value for name, value in zip(parts[::2], parts[1::2], strict=False) if name}


def startup(parameters: dict[str, str]) -> bytes:
    """Build a StartupMessage of protocol 3.0."""
    body = b"".join(text(name) + text(value) for name, value in parameters.items()) + b"\0"
    return struct.pack("!II", len(body) + 8, 196608) + body
