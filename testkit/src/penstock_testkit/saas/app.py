"""A strict fake: a table of routes, and nothing beside them.

What a fake does not know, it does not guess: an unknown route, parameter of a query or field of a body is answered
with 501, recorded, and fails the test at its end, even if the client hides the error.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from penstock_testkit.saas.messages import HttpAnswer, HttpRequest
from penstock_testkit.saas.patterns import Pattern
from penstock_testkit.saas.service import Service

Handler = Callable[..., HttpAnswer]
"""A function of the fake, the request, and by name the values in the path."""


class NotFakedError(Exception):
    """The service may know what was asked, and its fake does not."""


@dataclass(frozen=True)
class Route:
    """One route.

    Attributes:
        pattern: The requests that are meant.
        handler: Who answers them.
        query: The parameters that it knows; None knows each.
        fields: The fields of a body of JSON or of a form that it knows; None leaves the body to the handler.
        partial: Whether it handles requests whose body broke off (`request.complete` is False then).
    """

    pattern: Pattern
    handler: Handler
    query: frozenset[str] | None
    fields: frozenset[str] | None
    partial: bool

    def check(self, request: HttpRequest) -> None:
        """Refuse what the route does not know.

        Raises:
            NotFakedError: A parameter or field is unknown, or the body has no fields.
        """
        found = f"the route {self.pattern.text} has no"
        if self.query is not None and (unknown := request.query.keys() - self.query):
            raise NotFakedError(f"{found} query parameter {', '.join(sorted(unknown))}")
        if self.fields is None or not request.complete:
            return
        try:
            fields = request.fields
        except ValueError as error:
            raise NotFakedError(f"{found} such body: {error}") from error
        if unknown := fields.keys() - self.fields:
            raise NotFakedError(f"{found} body field {', '.join(sorted(unknown))}")


class RouteTable:
    """Routes of one subject, in order: of two that match, the first answers.

    Args:
        query: Parameters that each of its routes knows.
    """

    def __init__(self, query: Collection[str] = ()) -> None:
        self.routes: list[Route] = []
        self._query = frozenset(query)

    def route(
        self,
        pattern: str,
        *,
        query: Collection[str] | None = (),
        fields: Collection[str] | None = None,
        partial: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Add a function as a route; one function may be several.

        Args:
            pattern: Such as `POST /books/{id}` (see `Pattern`).
            query: The parameters of the query that it knows; None knows each.
            fields: The fields of the body that it knows; None leaves the body to the function.
            partial: Whether it is called with a body that broke off, too.
        """

        def add(handler: Handler) -> Handler:
            known = None if query is None else self._query | frozenset(query)
            found = None if fields is None else frozenset(fields)
            self.routes.append(Route(Pattern(pattern), handler, known, found, partial))
            return handler

        return add


class App(Service):
    """A fake of one service; its class says what it serves.

    Attributes:
        hosts: The host names it answers for; `*.shop.example` is any first label.
        tables: Its routes.
    """

    hosts: tuple[str, ...] = ()
    tables: tuple[RouteTable, ...] = ()

    @property
    def surface(self) -> list[str]:
        """What it answers, sorted: `GET /books/{id}`."""
        return sorted(route.pattern.text for table in self.tables for route in table.routes)

    def handle(self, request: HttpRequest) -> HttpAnswer:
        """Answer by the first route that matches; 501 for what is unknown."""
        try:
            route, values = self._find(request)
            route.check(request)
            with self.lock:
                return route.handler(self, request, **values)
        except NotFakedError as error:
            self.problems.append(str(error))
            return HttpAnswer.text(f"{self.name}: {error}\n", 501)

    def keeps_partial(self, request: HttpRequest) -> bool:
        """Tell whether the request's route handles a body that broke off."""
        try:
            return self._find(request)[0].partial
        except NotFakedError:
            return True  # it is handled, to be recorded as unknown

    def _find(self, request: HttpRequest) -> tuple[Route, dict[str, Any]]:
        for table in self.tables:
            for route in table.routes:
                values = route.pattern.match(request)
                if values is not None:
                    return route, values
        raise NotFakedError(f"the fake has no route {request.method} {request.host}{request.path}")
