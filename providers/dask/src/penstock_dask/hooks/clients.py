"""The SDK's clients of a cluster."""

import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any
from urllib.parse import urlsplit

HANDSHAKE_S = 2.0
"""Seconds beyond those for a connection in which a scheduler has to say who it is."""
_SHOWN = 200


def open_client(address: str, tls_ca: str, tls_cert: str, tls_key: str, timeout_s: float) -> Any:  # noqa: ANN401 - the SDK's
    """A new client, which is nobody's default; raises what the SDK does."""
    from distributed import Client  # noqa: PLC0415 - it takes 0.4 s
    from distributed.security import Security  # noqa: PLC0415 - as above

    security = None
    if tls_ca:
        security = Security(
            tls_ca_file=tls_ca, tls_client_cert=tls_cert, tls_client_key=tls_key, require_encryption=True
        )

    def opened() -> Any:  # noqa: ANN401 - as above
        return Client(address, timeout=timeout_s, security=security, set_as_default=False, name="penstock")

    return _within(opened, address, timeout_s + HANDSHAKE_S)


def _within(call: Callable[[], Any], address: str, patience_s: float) -> Any:  # noqa: ANN401 - as above
    """What a call gives, unless it takes too long: the SDK waits for ever for one that takes its connection and says nothing."""
    made: Future[Any] = Future()

    def run() -> None:
        try:
            made.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is raised where the client is wanted
            made.set_exception(error)

    threading.Thread(target=run, name=f"connect {address}", daemon=True).start()
    try:
        return made.result(patience_s)
    except FutureTimeoutError:
        raise _unanswered(address, patience_s) from None
    except (
        ArithmeticError,
        LookupError,
        MemoryError,
        TypeError,
        ValueError,
    ) as error:  # of reading what came as what it is not
        raise ConnectionError(
            f"what answers at {address} is no Dask scheduler, or one of another version or with TLS "
            f"({type(error).__name__}: {str(error)[:_SHOWN]})"
        ) from error


def _unanswered(address: str, patience_s: float) -> OSError:
    """Why nothing was said: the SDK does not tell a port that is closed from one that says nothing."""
    parts = urlsplit(address)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=HANDSHAKE_S):
            return TimeoutError(
                f"what listens at {address} took the connection, and has said nothing for {patience_s:g} s"
            )
    except OSError as error:
        return ConnectionError(f"{address} cannot be reached: {error}")
