"""Answers nothing for the database once its schema has left this code behind."""

import asyncio
from contextlib import suppress

from starlette.datastructures import URLPath
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from penstock.errors import StoreError
from penstock.service.installation import Installation
from penstock_server.http.problems import problem_answer

LOOKS_S = 1.0
"""Seconds between two looks; each transaction that writes looks by itself."""
_HINT = "Then start this server anew: until then, it answers nothing else."


class SchemaCheck:
    """Stands before what asks the database: an upgrade may have been made beside a server that runs.

    One that only adds to the schema changes nothing for older code. After any other, whatever that code read might be misread, and
    what it wrote be wrong.

    Args:
        installation: Whose database it is.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._due_s, self._problem = 0.0, ""

    async def answer(self, application: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request answered, or refuse it in a sentence."""
        problem = await self._found() if scope["type"] == "http" else ""
        await (problem_answer(StoreError(problem)) if problem else application)(scope, receive, send)

    async def _found(self) -> str:
        now_s = self._installation.clock.read().monotonic_s
        if now_s >= self._due_s:
            self._due_s = now_s + LOOKS_S
            self._problem = await asyncio.to_thread(self._look)
        return self._problem

    def _look(self) -> str:
        problem = None
        with suppress(StoreError):  # of a database that cannot be asked, each operation tells by itself
            store = self._installation.store
            store.keep_to_schema(_HINT)
            problem = store.outgrown()
        return f"{problem} {_HINT}" if problem else ""


class CheckedRoute(BaseRoute):
    """A route whose answers ask the database.

    Args:
        route: The route.
        check: Stands before it.
    """

    def __init__(self, route: BaseRoute, check: SchemaCheck) -> None:
        self._route, self._check = route, check

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As the route."""
        return self._route.matches(scope)

    def url_path_for(self, name: str, /, **path_params: object) -> URLPath:
        """As the route."""
        return self._route.url_path_for(name, **path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As the route, if the schema is the code's."""
        await self._check.answer(self._route.handle, scope, receive, send)
