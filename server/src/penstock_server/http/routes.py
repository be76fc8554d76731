"""Finds the operation of a request: by method and path, segment by segment."""

from collections.abc import Collection, Iterable
from http import HTTPStatus
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import unquote_to_bytes

from penstock_server.http.problems import RefusedError

T = TypeVar("T")


class Found(NamedTuple, Generic[T]):
    """The target of a request, with what its path names."""

    target: T
    named: dict[str, str]


class _Node(Generic[T]):
    def __init__(self) -> None:
        self.fixed: dict[str, _Node[T]] = {}
        self.any: _Node[T] | None = None
        self.targets: dict[str, tuple[T, tuple[str, ...], frozenset[str]]] = {}


class Routes(Generic[T]):
    """A tree of segments: a request costs as many steps as its path has, whatever the number of routes.

    Paths are compared as they came, and decoded a segment at a time: an id may hold what it likes, ``/`` as ``%2F`` included,
    and no id is taken for the name of another route. A segment is empty only where a name can be left out, such as that of a run,
    which is the newest then.

    Args:
        routes: Method, path and target of each, and the names of its path that can be left out.
    """

    def __init__(self, routes: Iterable[tuple[str, str, T, Collection[str]]]) -> None:
        self._root: _Node[T] = _Node()
        for method, path, target, optional in routes:
            node, names = self._root, []
            for segment in path.strip("/").split("/"):
                if segment.startswith("{"):
                    names.append(segment[1:-1])
                    node.any = node.any or _Node()
                    node = node.any
                else:
                    node = node.fixed.setdefault(segment, _Node())
            node.targets[method] = (target, tuple(names), frozenset(optional))

    def find(self, method: str, path: str) -> Found[T]:
        """Find what a request is for.

        Args:
            method: The HTTP method.
            path: The path below that of the API, as it came, without its first slash.

        Raises:
            RefusedError: There is no such route, or not with this method; or a segment is no text.
        """
        segments = path.split("/")
        reached = [
            (each, target, dict(zip(names, named, strict=True)))
            for node, named in self._reached(self._root, segments, [])
            for each, (target, names, optional) in node.targets.items()
            if all(value or name in optional for name, value in zip(names, named, strict=True))
        ]
        for each, target, by_name in reached:
            if each == method:
                return Found(target, by_name)
        if not reached:
            raise RefusedError(
                HTTPStatus.NOT_FOUND, f"there is no route {path!r}. /api/v1/openapi.json lists all of them."
            )
        allowed = ", ".join(sorted({each for each, _, _ in reached}))
        raise RefusedError(
            HTTPStatus.METHOD_NOT_ALLOWED, f"{path!r} is not asked by {method}. Ask by: {allowed}.", {"Allow": allowed}
        )

    def _reached(self, node: _Node[T], segments: list[str], named: list[str]) -> list[tuple[_Node[T], list[str]]]:
        # The exact name goes first: `/dags/paused` is no DAG of this name where there is such a route.
        if not segments:
            return [(node, named)]
        first, rest = segments[0], segments[1:]
        found = []
        if first in node.fixed:
            found += self._reached(node.fixed[first], rest, named)
        if node.any is not None:
            found += self._reached(node.any, rest, [*named, _text(first)])
        return found


def _text(segment: str) -> str:
    try:
        text = unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"{segment!r} of the path is no UTF-8.") from None
    if "\0" in text:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"{segment!r} of the path has a NUL, which no name has.")
    return text
