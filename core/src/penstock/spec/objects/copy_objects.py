"""The operator that copies objects between any two stores that are installed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from threading import Event
from typing import Any, ClassVar
from urllib.parse import urlsplit

from penstock.author.operator import Operator
from penstock.errors import ErrorKind, FailTask, ProviderError
from penstock.spec.object_store import ObjectInfo
from penstock.spec.objects.object_copy import ObjectCopy, ObjectPlace
from penstock.spec.threads import at_once


class CopyObjectsOperator(Operator):
    """Copies objects from any installed store to any other, such as from ``s3://`` to ``gs://``.

    Objects pass through as streams, in constant memory and without a file. An object whose copy is there already is left
    alone: a retry goes on where the try before has ended, and a run of the next day copies what is new. Media types and
    other metadata are not copied. Inside one service, its own operator is faster: there the service copies.

    Args:
        source: URL of an object; if it ends with a slash, of all objects that begin with it.
        destination: URL of the copy, or, ending with a slash, of what the copies are put below.
        delete_extra: Whether objects below the destination are deleted that the source does not have. If the source has
            none at all, the task fails and deletes nothing.
        parallel: How many objects are copied at once; each takes a connection and some parts of memory.
        source_conn_id: Connection of the source's store; its default unless given.
        destination_conn_id: Connection of the destination's store; its default unless given.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("source", "destination")

    def __init__(
        self,
        *,
        source: str,
        destination: str,
        delete_extra: bool = False,
        parallel: int = 4,
        source_conn_id: str | None = None,
        destination_conn_id: str | None = None,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        self.source, self.destination = source, destination
        self.delete_extra, self.parallel = delete_extra, parallel
        self.source_conn_id, self.destination_conn_id = source_conn_id, destination_conn_id
        self._stop = Event()

    def execute(self, context: Any) -> dict[str, int]:  # noqa: ANN401, ARG002 - the spec's signature
        """Copy; how many objects were ``copied``, ``left`` and ``deleted``, and the ``bytes`` of those copied.

        Raises:
            FailTask: What is asked for makes no sense.
            ProviderError: A store has failed, or the one object is not there.
        """
        self._check()
        copies = ObjectCopy(
            ObjectPlace.at(self.source, self.source_conn_id),
            ObjectPlace.at(self.destination, self.destination_conn_id),
            self._stop,
        )
        done = Counter(copied=0, left=0, deleted=0, bytes=0)
        if self.source.endswith("/"):
            self._copy_all(copies, done)
        else:
            self._copy_one(copies, done)
        self.log.info("%s -> %s: %s", self.source, self.destination, dict(done))
        return dict(done)

    def on_kill(self) -> None:
        """Give up what is under way, so that stores take back what they have of it."""
        self._stop.set()

    def _check(self) -> None:
        many = self.source.endswith("/")
        for name, url in (("source", self.source), ("destination", self.destination)):
            if "://" not in url:
                raise FailTask(f"{name} is {url!r}, and no URL of an object store: write one such as s3://bucket/name")
        if many and not self.destination.endswith("/"):
            raise FailTask(
                f"source is all of {self.source}, and destination {self.destination!r} one object: end it with a slash"
            )
        if self.delete_extra and not many:
            raise FailTask("delete_extra is of all objects below a source, which ends with a slash")
        if self.parallel < 1:
            raise FailTask(f"parallel is {self.parallel}; at least one object is copied at once")
        nested = self.source.startswith(self.destination) or self.destination.startswith(self.source)
        if many and nested and self.source_conn_id == self.destination_conn_id:
            raise FailTask(f"{self.source} and {self.destination} are inside each other: copies would be copied")

    def _copy_one(self, copies: ObjectCopy, done: Counter[str]) -> None:
        found = copies.source.store.stat(copies.source.url)
        if found is None:
            raise ProviderError(
                f"{self.source}: there is no such object",
                service=urlsplit(self.source).scheme,
                operation="CopyObject",
                kind=ErrorKind.NOT_FOUND,
            )
        folder, _, _ = copies.source.url.rpartition("/")
        name = copies.source._replace(url=folder + "/").name(found.url)
        below = self.destination.endswith("/")
        url = copies.destination.below(name) if below else copies.destination.url
        self._count(done, found, copied=copies.copy(found, url))

    def _copy_all(self, copies: ObjectCopy, done: Counter[str]) -> None:
        def copy(found: ObjectInfo) -> tuple[ObjectInfo, bool]:
            return found, copies.copy(found, copies.destination.below(copies.source.name(found.url)))

        with closing(at_once(copy, _objects(copies.source), self.parallel, stop=self._stop)) as results:
            for found, copied in results:
                self._count(done, found, copied=copied)
        if not self.delete_extra:
            return
        if not done["copied"] + done["left"]:
            raise FailTask(
                f"there is nothing below {self.source}, and delete_extra would delete all of {self.destination}"
            )
        extra = at_once(copies.delete_extra, _objects(copies.destination), self.parallel, stop=self._stop)
        with closing(extra) as answers:
            done["deleted"] += sum(answers)

    def _count(self, done: Counter[str], found: ObjectInfo, *, copied: bool) -> None:
        done["copied" if copied else "left"] += 1
        if copied:
            done["bytes"] += found.size
            self.log.info("Copied %s, %d bytes.", found.url, found.size)


def _objects(place: ObjectPlace) -> Iterator[ObjectInfo]:
    """Objects below a place; names that end with a slash are what consoles show as folders, and hold nothing."""
    return (each for each in place.store.list(place.url) if not each.url.endswith("/"))
