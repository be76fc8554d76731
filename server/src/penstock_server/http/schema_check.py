"""Answers nothing for the database once its schema has left this code behind."""

import asyncio
from contextlib import suppress

from starlette.types import ASGIApp, Receive, Scope, Send

from penstock.errors import StoreError
from penstock.service.installation import Installation
from penstock_server.http.problems import problem_answer

LOOKS_S = 1.0
"""Seconds between two looks that reads ask for; each change looks by itself."""
_ASKING = ("/api", "/auth", "/metrics", "/health/ready", "/health/scheduler")
_READS = ("GET", "HEAD", "OPTIONS")


class SchemaCheck:
    """Stands around an application: an upgrade may have been made beside a server that runs.

    One that only adds to the schema changes nothing for older code. After any other, whatever that code read might be misread, and
    what it wrote be wrong.

    Args:
        application: What answers.
        installation: Whose database it is.
    """

    def __init__(self, application: ASGIApp, installation: Installation) -> None:
        self._application, self._installation = application, installation
        self._due_s, self._problem = 0.0, ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it in a sentence."""
        if scope["type"] == "http" and scope["path"].startswith(_ASKING) and (problem := await self._found(scope)):
            await problem_answer(StoreError(problem))(scope, receive, send)
            return
        await self._application(scope, receive, send)

    async def _found(self, scope: Scope) -> str:
        now_s = self._installation.clock.read().monotonic_s
        if now_s >= self._due_s or scope["method"] not in _READS:
            self._due_s = now_s + LOOKS_S
            self._problem = await asyncio.to_thread(self._look)
        return self._problem

    def _look(self) -> str:
        problem = None
        with suppress(StoreError):  # of a database that cannot be asked, each operation tells by itself
            problem = self._installation.store.outgrown()
        return f"{problem} Then start this server anew: until then, it answers nothing else." if problem else ""
