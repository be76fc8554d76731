"""An address at which no Dask scheduler answers is told as what it is, whatever answers there."""

import contextlib
import re
import socket
import threading

import pytest

from penstock import Connection
from penstock_dask.hooks import DaskHook


@contextlib.contextmanager
def answering(answer):
    """A port at which each connection gets an answer; one without an answer is closed to all."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        if answer is None:
            listening.close()
            yield port
            return
        taken = []

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    taken.append(listening.accept()[0])
                    taken[-1].sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield port
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(60)
        for each in taken:
            each.close()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            b"HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\nhello",
            "is no Dask scheduler, or one of another version",
        ),
        (b"\xff" * 4096, "is no Dask scheduler, or one of another version"),
        (None, "Timed out trying to connect to|Connection refused"),
    ],
    ids=["http", "garbage", "nothing"],
)
def test_what_is_no_scheduler_is_told_as_such(answer, says):
    """An HTTP server was told as `Unable to allocate 3.07 EiB for an array`, and a closed port as one that took the connection."""
    with answering(answer) as port:
        connection = Connection("d", "dask", host="127.0.0.1", port=port, extra={"connect_timeout_s": 0.5})
        report = DaskHook(connection=connection).test_connection()
    assert not report.ok
    assert re.search(says, report.detail)
    assert "took the connection" not in report.detail
    assert "Check host, port and certificates of the connection 'd'" in report.detail
