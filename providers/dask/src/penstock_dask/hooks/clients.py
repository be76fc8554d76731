"""The SDK's clients of a cluster, and how long anything may take that is asked of it."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from penstock.errors import ConfigError, as_sentence
from penstock_dask.hooks.connection_errors import check_files, connection_error

HANDSHAKE_S = 2.0
"""Seconds beyond those for a connection in which a scheduler has to say who it is."""
_SHOWN = 200
_MISREAD = (ArithmeticError, LookupError, MemoryError, TypeError, ValueError)
"""What the SDK raises where it reads what came as what it is not."""

T = TypeVar("T")


class NoAnswerError(Exception):
    """What was asked has not been answered in time."""


class OpenClient(NamedTuple):
    """A client, and the end of the thread in which its connections are.

    Attributes:
        client: The SDK's.
        end: Ends the thread, and with it all that was asked and not answered; returns at once.
    """

    client: Any
    end: Callable[[], None]


class _Loop:
    """An event loop in a thread of its own: the SDK leaves the one that it makes itself where no connection comes about."""

    def __init__(self, address: str) -> None:
        self._begun: Future[Any] = Future()
        threading.Thread(target=lambda: asyncio.run(self._main()), name=f"dask {address}", daemon=True).start()
        self.io_loop, self._loop, self._over = self._begun.result()

    async def _main(self) -> None:
        from tornado.ioloop import IOLoop  # noqa: PLC0415 - with the SDK

        over = asyncio.Event()
        self._begun.set_result((IOLoop.current(), asyncio.get_running_loop(), over))
        await over.wait()

    def end(self) -> None:
        with contextlib.suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(self._over.set)


def check_installed() -> None:
    """Import the SDK.

    Raises:
        ConfigError: It cannot be imported.
    """
    try:
        import distributed  # type: ignore[import-untyped,unused-ignore]  # noqa: F401, PLC0415 - it takes 0.4 s
    except ImportError as error:
        raise ConfigError(
            f"the package distributed cannot be imported here: {as_sentence(error)} `plugin-manager doctor` shows what is missing."
        ) from None


def open_client(address: str, tls_ca: str, tls_cert: str, tls_key: str, timeout_s: float) -> OpenClient:
    """A new client, which is nobody's default; raises what the SDK does.

    Raises:
        ConnectionError: There is no way to the scheduler, or what answers is none.
    """
    from distributed import Client  # noqa: PLC0415 - it takes 0.4 s

    security = _security(tls_ca, tls_cert, tls_key)
    loop = _Loop(address)

    class PenstockClient(Client):  # type: ignore[misc,unused-ignore]  # it ships a part of its types
        def __del__(self) -> None:
            """Nothing: who ends the loop of one that has never come about would have its close complain."""

    def opened() -> Any:  # noqa: ANN401 - the SDK's
        return PenstockClient(
            address, timeout=timeout_s, security=security, set_as_default=False, name="penstock", loop=loop.io_loop
        )

    patience_s = timeout_s + HANDSHAKE_S
    try:
        return OpenClient(within(opened, patience_s), loop.end)
    except BaseException as error:
        loop.end()
        if isinstance(error, NoAnswerError):
            raise _no_answer(address, patience_s) from None
        if isinstance(error, OSError):
            raise connection_error(error, address) from error
        if isinstance(error, _MISREAD):
            raise ConnectionError(
                f"what answers at {address} is no Dask scheduler, or one of another version or with TLS "
                f"({type(error).__name__}: {str(error)[:_SHOWN]})"
            ) from error
        raise


def _security(tls_ca: str, tls_cert: str, tls_key: str) -> Any:  # noqa: ANN401 - the SDK's
    if not tls_ca:
        return None
    from distributed.security import Security  # noqa: PLC0415 - as above

    check_files(tls_ca=tls_ca, tls_cert=tls_cert, tls_key=tls_key)
    return Security(tls_ca_file=tls_ca, tls_client_cert=tls_cert, tls_client_key=tls_key, require_encryption=True)


def within(call: Callable[[], T], patience_s: float) -> T:
    """What a call gives, unless it takes too long: the SDK waits for ever for one that takes what is asked and says nothing.

    Args:
        call: It goes on in its thread until the client's own thread has ended.
        patience_s: Seconds to wait for it.

    Raises:
        NoAnswerError: It takes longer.
    """
    made: Future[T] = Future()

    def run() -> None:
        try:
            made.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is wanted
            made.set_exception(error)

    threading.Thread(target=run, name="ask dask", daemon=True).start()
    try:
        return made.result(patience_s)
    except TimeoutError:
        if made.done():  # it is the call's own
            raise
        raise NoAnswerError from None


def _no_answer(address: str, patience_s: float) -> OSError:
    """Why nothing was said: the SDK does not tell a port that is closed from one that says nothing."""
    parts = urlsplit(address)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=HANDSHAKE_S):
            return TimeoutError(
                f"what listens at {address} took the connection, and has said nothing for {patience_s:g} s"
            )
    except OSError as error:
        return ConnectionError(f"{address} cannot be reached: {error}")
