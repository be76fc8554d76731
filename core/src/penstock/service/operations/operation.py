"""The decorator of operations: one definition makes the permission check, the route, the client's call and the docs."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, Literal, NamedTuple, ParamSpec, TypeVar

from penstock.errors import NotFoundError
from penstock.model.access.permission import SCOPES, Permission, Scope
from penstock.model.access.principal import Principal
from penstock.model.access.refusal import refusal
from penstock.model.history.audit import AskedBy
from penstock.service.installation import Installation, kind_of

P = ParamSpec("P")
R = TypeVar("R")
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

SUBJECTS: Mapping[Scope, str] = {
    Scope.DAG: "dag_id",
    Scope.CONNECTION: "conn_id",
    Scope.VARIABLE: "key",
    Scope.POOL: "name",
    Scope.INSTALLATION: "",
}
"""The parameter that names the thing which a permission of each scope is asked of."""


_NAMED_BY_DAGS = ("asset", "backfill")


class Operation(NamedTuple):
    """One thing that a person can ask for.

    Attributes:
        function: What does it, checks included; its first argument is the installation.
        method: The HTTP method of its route.
        path: The path of its route below ``/api/v1``, with parameters in braces.
        needs: The permission that it needs; None for what everybody may who is known.
        subject: The parameter that names the thing on which it is needed; "" if the permission is needed on anything at all, and
            the function leaves out what the principal may not see.
        reads: Whether it changes nothing that is stored, whatever its method: a GET, what takes more than an address can hold, or what
            reaches out to a service, which no link may do.
        secret_answer: Whether its answer is a secret, which is stored nowhere.
        resumes: Whether it takes several transactions, since one would keep others from the database for too long: it goes on where
            it was cut off if `Installation.resumed` says that it was.
        stored: Whether its answer is made of what is stored alone, in one consistent view: who asks again with the same words, and may do
            the same, is answered the same until something is committed, but for what depends on the time of day.
    """

    function: Callable[..., Any]
    method: Method
    path: str
    needs: Permission | None
    subject: str
    reads: bool
    secret_answer: bool = False
    resumes: bool = False
    stored: bool = False

    @property
    def name(self) -> str:
        """Its name, which no other operation has."""
        return self.function.__name__

    def require(self, installation: Installation, arguments: Mapping[str, Any]) -> None:
        """Refuse whoever may not ask for it, as its function does first.

        Args:
            installation: The installation as whoever asks may use it.
            arguments: What it is told, by name.

        Raises:
            ForbiddenError: It may not be asked for.
            NotFoundError: The thing may not be seen.
            StoreError: The database failed.
        """
        if self.needs is None or not installation.limited:
            return
        name = str(arguments.get(self.subject) or "") if self.subject else ""
        if name:
            installation.require(self.needs, name, what=self._words)
        elif not installation.principal.may_somewhere(self.needs):
            raise refusal(installation.principal, self.needs, self._words)

    @property
    def _words(self) -> str:
        return self.name.replace("_", " ")


def operation(  # noqa: PLR0913 - one argument a fact of an operation
    method: Method,
    path: str,
    *,
    needs: Permission | None,
    subject: str | None = None,
    reads: bool = False,
    secret_answer: bool = False,
    resumes: bool = False,
    stored: bool = False,
) -> Callable[[Callable[Concatenate[Installation, P], R]], Callable[Concatenate[Installation, P], R]]:
    """Make a function an operation: it has a route, and is refused to whoever may not call it.

    Args:
        method: The HTTP method of its route: GET changes nothing.
        path: The path of its route below ``/api/v1``.
        needs: The permission that it needs; None for what everybody may who is known.
        subject: The parameter that names the thing on which it is needed; the usual one of the permission's scope unless given,
            "" if the function itself leaves out what may not be seen.
        reads: Whether it changes nothing, though its method is none that says so.
        secret_answer: Whether its answer is a secret, which is stored nowhere.
        resumes: Whether it takes several transactions, and goes on where it was cut off.
        stored: Whether its answer is made of what is stored alone, and the same until something is committed.

    Returns:
        The decorator. The function that it makes calls another installation over the network where there is a remote one, and else
        raises ForbiddenError, or NotFoundError for a thing that the principal may not see.
    """

    def made(function: Callable[Concatenate[Installation, P], R]) -> Callable[Concatenate[Installation, P], R]:
        named = subject if subject is not None else "" if needs is None else SUBJECTS.get(SCOPES[needs], "")

        code = function.__code__
        asks = "by" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

        @wraps(function)
        def checked(installation: Installation, /, *args: P.args, **kwargs: P.kwargs) -> R:
            remote = installation.remote
            if remote is not None:
                found: R = remote.call(known, _arguments(function, args, kwargs))
                return found
            if needs is not None and installation.limited:
                known.require(installation, _arguments(function, args, kwargs) if named else {})
            if asks and installation.limited:
                kwargs["by"] = _asked_by(installation.principal, kwargs.get("by"))
            if not installation.limited:
                return function(installation, *args, **kwargs)
            try:
                return function(installation, *args, **kwargs)
            except NotFoundError as error:
                raise _as_hidden(error) from None

        known = Operation(checked, method, path, needs, named, reads or method == "GET", secret_answer, resumes, stored)
        checked.operation = known  # type: ignore[attr-defined]
        return checked

    return made


def _as_hidden(error: NotFoundError) -> NotFoundError:
    """The same sentence for what is not there and what may not be seen: names of others are no hints for whoever may not see all."""
    scoped = {scope.value: scope for scope in SUBJECTS}
    scope = scoped.get(error.kind.lower())
    if scope is not None:
        return NotFoundError(kind_of(scope), error.name)
    return NotFoundError(error.kind, error.name) if error.kind in _NAMED_BY_DAGS else error


def _asked_by(principal: Principal, given: object) -> AskedBy:
    """Who asks, as the audit keeps it: nobody names somebody else, and everybody may say why."""
    return AskedBy(principal.name, given.why if isinstance(given, AskedBy) else "", principal.source)


def _arguments(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    # Of the code object: `inspect` would cost each command its import.
    return {**dict(zip(function.__code__.co_varnames[1:], args, strict=False)), **kwargs}
