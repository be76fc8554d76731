"""An asset as a DAG declares it, and the condition by which assets start a DAG."""

from collections.abc import Collection
from typing import Any, Literal

import msgspec

from penstock.model.assets.file_watch import FileWatch

ALIAS = "alias:"
"""What the URI of an alias begins with, and no other: an alias stands for assets that are named when a task runs."""
LONGEST_URI = 1500
"""Characters of an asset's URI; a key of an index of PostgreSQL holds about 2,700 bytes."""


class AssetSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a DAG file says of an asset.

    Attributes:
        uri: What it is known by.
        name: What people call it.
        group: What it belongs to, for people.
        extra: More about it, for people and tasks.
        watchers: The files whose coming is an event of it.
    """

    uri: str
    name: str
    group: str = ""
    extra: dict[str, Any] = {}
    watchers: tuple[FileWatch, ...] = ()


class AssetCondition(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which assets must have an event before a run of a DAG is made: one, or several conditions joined.

    Attributes:
        asset: URI of the one asset; "" of what is joined.
        join: How the parts are joined.
        parts: What is joined.
    """

    asset: str = ""
    join: Literal["all", "any"] = "all"
    parts: tuple["AssetCondition", ...] = ()

    def assets(self) -> tuple[str, ...]:
        """The URIs of all assets in it, each once, in the order in which they are written."""
        if self.asset:
            return (self.asset,)
        return tuple(dict.fromkeys(uri for part in self.parts for uri in part.assets()))

    def holds(self, fresh: Collection[str]) -> bool:
        """Whether it holds if just these assets have an event."""
        if self.asset:
            return self.asset in fresh
        held = (part.holds(fresh) for part in self.parts)
        return all(held) if self.join == "all" else any(held)

    def __str__(self) -> str:
        """The condition as authors write it: ``(a & b) | c``."""
        if self.asset:
            return self.asset
        sign = " & " if self.join == "all" else " | "
        return sign.join(f"({part})" if len(part.parts) > 1 else str(part) for part in self.parts)


def uri_problem(uri: object) -> str:
    """Say why a text cannot name an asset; "" if it can."""
    if not isinstance(uri, str) or not uri or uri != uri.strip() or not uri.isprintable():
        return f"{str(uri)[:300]!r} names no asset: write printable characters without a space at either end"
    if not uri.isascii():
        return f"{uri[:300]!r} names no asset: write ASCII, other characters escaped by %"
    if len(uri) > LONGEST_URI:
        return f"{uri[:60]!r}... has {len(uri):,} characters; the URI of an asset has at most {LONGEST_URI:,}"
    return ""
