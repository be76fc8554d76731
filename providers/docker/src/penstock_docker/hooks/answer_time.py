"""How long an answer may take: the limit of a socket holds for each part of it, and a byte now and then keeps it open for ever."""

import contextlib
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from penstock_docker.errors import LateAnswerError


class AnswerTime:
    """Ends the connections of requests whose answers are not there in time.

    Args:
        client: The SDK's client, each of whose connections it knows from then on.
    """

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - the SDK's
        self._in_use = threading.local()
        for adapter in client.adapters.values():
            self._know_pools(adapter)

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[Callable[[], None]]:
        """Bound what this thread sends and reads in the meantime; what it yields begins the time anew.

        Raises:
            LateAnswerError: It took longer.
        """
        outer: list[socket.socket] | None = getattr(self._in_use, "sockets", None)
        sockets: list[socket.socket] = []
        self._in_use.sockets = sockets
        watch = _Watch(seconds, sockets)
        try:
            yield watch.again
        except Exception as error:
            if watch.is_over:
                raise _late(seconds) from error
            raise
        finally:
            watch.stop()
            self._in_use.sockets = outer
            if outer is not None:  # who has asked for the head of an answer reads its body within a bound of his own
                outer.extend(sockets)
        if watch.is_over:
            raise _late(seconds)

    def _use(self, sock: socket.socket | None) -> None:
        sockets = getattr(self._in_use, "sockets", None)
        if sockets is not None and sock is not None:
            sockets.append(sock)

    # What is put into an object of the HTTP client holds it weakly: behind a fork all of them are to go at once, and not when the collector
    # comes, which would close files of the child.

    def _know_pools(self, adapter: Any) -> None:  # noqa: ANN401 - of requests
        name = "get_connection_with_tls_context"
        if not hasattr(adapter, name):
            name = "get_connection"  # before requests 2.32
        find, here = getattr(type(adapter), name), weakref.ref(adapter)

        def found(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - of requests
            pool = find(here(), *args, **kwargs)
            if "_get_conn" not in vars(pool):
                pool._get_conn = self._knowing(pool)  # noqa: SLF001 - each connection comes by it, and by nothing else
            return pool

        setattr(adapter, name, found)

    def _knowing(self, pool: Any) -> Callable[..., Any]:  # noqa: ANN401 - of urllib3
        take, its_pool = type(pool)._get_conn, weakref.ref(pool)  # noqa: SLF001 - as above

        def taken(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - of urllib3
            connection = take(its_pool(), *args, **kwargs)
            self._use(connection.sock)
            connect, here = type(connection).connect, weakref.ref(connection)

            def connected() -> None:
                made = here()
                connect(made)
                self._use(made.sock if made is not None else None)

            connection.connect = connected
            return connection

        return taken


class _Watch:
    """Shuts sockets once a time has passed since it was begun last."""

    def __init__(self, seconds: float, sockets: list[socket.socket]) -> None:
        self._seconds, self._sockets = seconds, sockets
        self.is_over, self._is_stopped = False, False
        self.again()
        self._begin(seconds)

    def again(self) -> None:
        self._until_s = time.monotonic() + self._seconds

    def stop(self) -> None:
        self._is_stopped = True
        self._timer.cancel()

    def _begin(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()

    def _end(self) -> None:
        left_s = self._until_s - time.monotonic()
        if self._is_stopped:
            return
        if left_s > 0:
            self._begin(left_s)
            return
        self.is_over = True
        for each in self._sockets:
            with contextlib.suppress(OSError):  # it is closed
                socket.socket.shutdown(
                    each, socket.SHUT_RDWR
                )  # that of TLS would forget within another thread what it reads with


def _late(seconds: float) -> LateAnswerError:
    return LateAnswerError(f"the engine's answer has come in parts, and was not whole after {seconds:g} s")
