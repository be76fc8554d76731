"""Who asks is found in threads of its own: whatever takes long elsewhere keeps nobody from being known."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.requests import Request

from penstock.model.access.principal import Principal
from penstock_server.http.authenticator import Authenticator

THREADS = 4
"""Threads that ask; each asks the database four small questions at most."""

T = TypeVar("T")


class Identification:
    """Finds who asks without holding up the loop.

    Args:
        authenticator: Finds it.

    Attributes:
        authenticator: As above.
    """

    def __init__(self, authenticator: Authenticator) -> None:
        self.authenticator = authenticator
        self._threads = ThreadPoolExecutor(THREADS, "identification")

    async def principal(self, request: Request) -> Principal:
        """Who asks.

        Raises:
            RefusedError: Nobody who is known.
            StoreError: The database failed.
        """
        found = self.authenticator.remembered(request)
        return await self.in_thread(lambda: self.authenticator.principal(request)) if found is None else found

    async def in_thread(self, call: Callable[[], T]) -> T:
        """Ask something else that whether somebody is let in depends on."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)
