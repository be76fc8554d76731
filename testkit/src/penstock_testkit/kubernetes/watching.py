"""Lists and watches, as "Kubernetes API Concepts" (kubernetes.io, "Efficient detection of changes") has them.

A watch begins after a version; bookmarks tell how far it has come; it ends after ``timeoutSeconds``. A version whose history is
compacted is answered by an event ERROR with the Status 410, or by 410 itself, as the server's caches do one or the other.
Not covered: ``sendInitialEvents``, tables, protobuf.
"""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from penstock_testkit.kubernetes.api_refusals import expired
from penstock_testkit.kubernetes.cluster_store import RESOURCES, Change, Object, ObjectStore
from penstock_testkit.kubernetes.selectors import Test, selected

_LONGEST_S = 1800.0


@dataclass
class WatchFaults:
    """What a test does to watches.

    Attributes:
        cut_after_events: A watch breaks off after so many events, without an end; 0 for never.
        cut_after_s: A watch breaks off after so many seconds, without an end; 0 for never.
        blackhole: While true no watch sends anything, and none ends.
        expired_by_http: Whether what has expired is answered by the status 410, and not by an event.
        bookmark_every_s: How often a watch that asks for them is told its version.
        opened: How many watches have begun.
    """

    cut_after_events: int = 0
    cut_after_s: float = 0.0
    blackhole: bool = False
    expired_by_http: bool = False
    bookmark_every_s: float = 1.0
    opened: int = 0


class WatchCutError(ConnectionError):
    """The connection of a watch is to break off."""


def listed(store: ObjectStore, resource: str, namespace: str, query: dict[str, str]) -> dict[str, Any]:
    """A list of objects, page by page.

    Raises:
        ApiRefusedError: 410, if the page before it is too old; 400 for a selector that is none.
    """
    known = RESOURCES[resource]
    meant = selected(resource, query.get("labelSelector", ""), query.get("fieldSelector", ""))
    with store.changed:
        found, version, begin = [each for each in store.all(resource, namespace) if meant(each)], store.version, 0
        if token := query.get("continue", ""):
            asked = json.loads(base64.b64decode(token))
            version, begin = asked["rv"], asked["start"]
            if version < store.oldest:
                raise expired(version, store.oldest)
    metadata: dict[str, Any] = {"resourceVersion": str(version)}
    limit = int(query.get("limit", 0)) or len(found)
    page = found[begin : begin + limit]
    if begin + limit < len(found):
        following = {"rv": version, "start": begin + limit}
        metadata["continue"] = base64.b64encode(json.dumps(following).encode()).decode()
        metadata["remainingItemCount"] = len(found) - begin - limit
    items = [{key: value for key, value in each.items() if key not in ("kind", "apiVersion")} for each in page]
    return {"kind": f"{known.kind}List", "apiVersion": known.group_version, "metadata": metadata, "items": items}


@dataclass
class Watch:
    """One watch: an iterable of lines of JSON.

    Attributes:
        store: Whose changes are told.
        resource: Of which.
        namespace: Of one, or "" of all.
        query: What was asked.
        faults: What is done to it.
    """

    store: ObjectStore
    resource: str
    namespace: str
    query: dict[str, str]
    faults: WatchFaults
    _sent: int = field(default=0, init=False)

    def start(self) -> Iterator[bytes]:
        """Begin; what is returned is sent piece by piece.

        Raises:
            ApiRefusedError: 410 or 400 in place of a stream.
        """
        meant = selected(self.resource, self.query.get("labelSelector", ""), self.query.get("fieldSelector", ""))
        asked = self.query.get("resourceVersion", "")
        with self.store.changed:
            self.faults.opened += 1
            old = bool(asked) and asked != "0" and int(asked) < self.store.oldest
            if old and self.faults.expired_by_http:
                raise expired(asked, self.store.oldest)
            if old:
                return iter([_line("ERROR", expired(asked, self.store.oldest).status)])
            if not asked or asked == "0":
                first = [each for each in self.store.all(self.resource, self.namespace) if meant(each)]
                return self._events(meant, self.store.version, first)
            return self._events(meant, int(asked), [])

    def _events(self, meant: Test, version: int, first: list[Object]) -> Iterator[bytes]:
        begun = time.monotonic()
        end = begun + min(float(self.query.get("timeoutSeconds", _LONGEST_S)), _LONGEST_S)
        bookmarks = self.query.get("allowWatchBookmarks") in ("true", "True", "1")
        for each in first:
            yield self._sending(_line("ADDED", each))
        last_bookmark = begun
        while not self.store.closed:
            if self.faults.blackhole:
                self._wait(self.store.version)
                continue
            version, lines = self._since(version, meant)
            for line in lines:
                yield self._sending(line)
            if lines and b'"ERROR"' in lines[-1][:20]:
                return
            now = time.monotonic()
            if self.faults.cut_after_s and now - begun > self.faults.cut_after_s:
                raise WatchCutError
            over = now > end
            if bookmarks and (over or now - last_bookmark > self.faults.bookmark_every_s):
                last_bookmark = now
                yield self._bookmark(version)
            if over:
                return
            self._wait(version)

    def _since(self, version: int, meant: Test) -> tuple[int, list[bytes]]:
        """What happened after a version, as events, and the version after it."""
        with self.store.changed:
            if version < self.store.oldest:
                return version, [_line("ERROR", expired(version, self.store.oldest).status)]
            changes = self.store.since(version, (self.resource,))
            version = self.store.version
        return version, [line for change in changes if (line := self._seen(change, meant)) is not None]

    def _wait(self, version: int) -> None:
        with self.store.changed:
            if self.store.version == version:
                self.store.changed.wait(0.05)

    def _seen(self, change: Change, meant: Test) -> bytes | None:
        """The event of a change, for who sees only what is meant: an object that stops being meant is deleted for him."""
        if self.namespace and change.found["metadata"].get("namespace") != self.namespace:
            return None
        is_meant = meant(change.found)
        was_meant = change.before is not None and meant(change.before)
        if change.what == "DELETED":
            return _line("DELETED", change.found) if was_meant else None
        if is_meant:
            return _line("MODIFIED" if was_meant else "ADDED", change.found)
        return _line("DELETED", change.found) if was_meant else None

    def _sending(self, line: bytes) -> bytes:
        """Count an event that is sent; raises WatchCutError once there were enough."""
        if self.faults.cut_after_events and self._sent >= self.faults.cut_after_events:
            raise WatchCutError
        self._sent += 1
        return line

    def _bookmark(self, version: int) -> bytes:
        known = RESOURCES[self.resource]
        metadata = {"resourceVersion": str(version), "creationTimestamp": None}
        return _line("BOOKMARK", {"kind": known.kind, "apiVersion": known.group_version, "metadata": metadata})


def _line(what: str, found: Object) -> bytes:
    return json.dumps({"type": what, "object": found}).encode() + b"\n"
