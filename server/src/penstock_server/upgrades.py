"""A server that is started before the database is upgraded: it says so to whoever asks, and goes on by itself once that is done."""

import os
import select
import socket
import ssl
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from penstock.errors import StoreError
from penstock.service.database.upgrades import pending_upgrade_of
from penstock.service.installation import Installation
from penstock_server.http.fence import Fence
from penstock_server.http.problems import problem_answer
from penstock_server.http.reach.address import Address
from penstock_server.http.serve import serve
from penstock_server.opened import described


def upgraded(
    listening: socket.socket,
    stop: int,
    report: Callable[[str], None],
    address: Address = Address(),  # noqa: B008 - a frozen value
    tls: ssl.SSLContext | None = None,
) -> bool:
    """Answer every request with what is to be done, until the schema of the database is that of this code.

    Args:
        listening: Socket that listens already; it stays open.
        stop: Descriptor that is readable once no more is to be answered.
        report: Called with what the server waits for, from time to time.
        address: Where that is, and how it is reached.
        tls: What connections are made with; None to speak without TLS.

    Returns:
        Whether the database can be opened; False if the server was told to stop first.

    Raises:
        ConfigError: The settings are wrong.
        StoreError: The database cannot be asked.
    """
    with described() as found:
        if not (waits := _waits_for(found)):
            return True
        done, ending = os.pipe()

        def look() -> None:
            if is_readable(stop) or not _waits_for(found):
                os.write(ending, b"x")
            else:
                report(f"{waits} Until then, {address.url(listening)} answers nothing else.")

        try:
            serve(Fence(_refusing(StoreError(waits)), address), listening.dup(), done, look, tls=tls)
        finally:
            os.close(done)
            os.close(ending)
    return not is_readable(stop)


def is_readable(descriptor: int) -> bool:
    """Whether a descriptor is readable now."""
    return bool(select.select([descriptor], [], [], 0)[0])


def _waits_for(found: Installation) -> str:
    pending = pending_upgrade_of(found)
    if not pending.migrations:
        return ""
    return (
        f"database: its schema is {pending.before}, of an older Penstock, and this server works on {pending.after}. Make a backup, and "
        "run `penstock db upgrade`: the server goes on by itself."
    )


def _refusing(error: StoreError) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await problem_answer(error)(scope, receive, send)

    return answer
