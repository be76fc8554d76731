"""Reads the body of a request, within bounds of size and time."""

import asyncio
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request

from penstock_server.http.problems import RefusedError

MOST_BYTES = 4 * 1024 * 1024
"""Bytes of a body: more than any value that can be stored."""

MOST_S = 20.0
"""Seconds in which a body has to arrive."""


def is_bare(request: Request) -> bool:
    """Whether a request says that it has no body (RFC 9112, 6.3): there is nothing to wait for."""
    return request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers


async def body_of(
    request: Request, *, most_bytes: int = MOST_BYTES, most_s: float = MOST_S, kind: str = "application/json"
) -> bytes:
    """Read a body.

    Args:
        request: The request.
        most_bytes: How many bytes it may have.
        most_s: Seconds in which it has to arrive.
        kind: What it must say to be.

    Raises:
        RefusedError: It is too large, too slow, or by its own words of another kind.
    """
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > most_bytes:
        raise _too_large(most_bytes)
    pieces, size = [], 0
    try:
        async with asyncio.timeout(most_s):
            async for piece in request.stream():
                size += len(piece)
                if size > most_bytes:
                    raise _too_large(most_bytes)
                pieces.append(piece)
    except TimeoutError:
        raise RefusedError(
            HTTPStatus.REQUEST_TIMEOUT, f"the body did not arrive within {most_s:g} s.", {"Connection": "close"}
        ) from None
    except ClientDisconnect:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the body ended before it was whole.") from None
    if size and request.headers.get("content-type", "").partition(";")[0].strip().lower() != kind:
        raise RefusedError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the body is no {kind}. Send it, and say so in Content-Type."
        )
    return b"".join(pieces)


def _too_large(most_bytes: int) -> RefusedError:
    return RefusedError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the body is larger than {most_bytes:,} bytes. Put large values into an object store, and send where they are.",
        {"Connection": "close"},
    )
