"""Lists that may grow are answered page by page, all in one way: by the key of what a page ended with, and by no count of rows."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from penstock.decoders import json_decoder
from penstock.errors import PageError

PageSize = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
"""How many things are listed at most; other numbers are refused where a request is decoded."""

Item = TypeVar("Item")
Key = TypeVar("Key")
Found = TypeVar("Found")

_LONGEST = 8_000
_LEAST, _MOST = -(2**63), 2**63 - 1  # what a database can compare with


class Page(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    """Some of a list, in its order.

    Attributes:
        items: What is listed.
        next: What to pass as ``after`` for the next page; "" if this is the last.
    """

    items: list[Item]
    next: str


Listed = TypeVar("Listed", bound=Page[Any])


class PagedList(Generic[Key]):
    """A list that is answered page by page.

    What a page ended with is a key of the list's order, so that rows that come and go meanwhile neither hide one that stays nor
    show it twice. It travels as a text that says which list it is of; whoever asks passes it on as it came.

    Args:
        name: Of the list; no other has it.
        key: The type of the keys that order it.
    """

    def __init__(self, name: str, key: type[Key]) -> None:
        self._name = name
        self._decoder: msgspec.json.Decoder[tuple[str, str, Key]] = json_decoder(tuple[str, str, key])  # type: ignore[valid-type]

    def key(self, after: str, of: object = "") -> Key | None:
        """What the page before ended with; None for the first page.

        Args:
            after: ``next`` of the page before; "" for the first page.
            of: Whose list it is, if each of several has one.

        Raises:
            PageError: No page of this list ended with that.
        """
        if not after:
            return None
        try:
            padded = after.encode("ascii") + b"=" * (-len(after) % 4)
            name, whose, key = (
                self._decoder.decode(urlsafe_b64decode(padded)) if len(after) <= _LONGEST else ("", "", None)
            )
        except (ValueError, msgspec.MsgspecError):
            name, whose, key = "", "", None
        if key is None or name != self._name or not _fits(key):
            raise PageError(
                f"after: {after[:60]!r} is what no page of this list ended with. Give `next` of the page before, as it came."
            )
        if whose != str(of):
            raise PageError(
                f"after: {after[:60]!r} ended a page of another one's list, or of the run that was the newest then. "
                "Name the same one, or begin with the first page."
            )
        return key

    def next(self, key: Key, of: object = "") -> str:
        """What stands for the end of a page that ended with a key."""
        return urlsafe_b64encode(msgspec.json.encode((self._name, str(of), key))).rstrip(b"=").decode()

    def cut(
        self, found: Sequence[Found], limit: int, key: Callable[[Found], Key], of: object = ""
    ) -> tuple[list[Found], str]:
        """The items of a page and its end, of what was found for it: one more than its length, if there is more.

        Args:
            found: What was read.
            limit: The length of the page.
            key: Tells the key of an item.
            of: Whose list it is, as for `key`.
        """
        items = list(found[:limit])
        return items, self.next(key(items[-1]), of) if len(found) > limit else ""

    def page(self, found: Sequence[Item], limit: int, key: Callable[[Item], Key], of: object = "") -> Page[Item]:
        """A page of what was found for it, as `cut` has it."""
        items, end = self.cut(found, limit, key, of)
        return Page(items=items, next=end)

    def page_of_all(
        self, found: Iterable[Item], after: str, limit: int, key: Callable[[Item], Key], of: object = ""
    ) -> Page[Item]:
        """A page of a list that is known whole, in any order; raises PageError."""
        begin, ordered = self.key(after, of), sorted(found, key=key)  # type: ignore[arg-type]
        behind = [each for each in ordered if begin is None or key(each) > begin]  # type: ignore[operator]
        return self.page(behind, limit, key, of)


MOST = 10_000
"""The length of the longest page."""


def every(ask: Callable[[str], Page[Item]]) -> Iterator[Item]:
    """All items of a list, page by page.

    Args:
        ask: Asks for the page behind what it is told.
    """
    for page in pages(ask):
        yield from page.items


def pages(ask: Callable[[str], Listed]) -> Iterator[Listed]:
    """All pages of a list; ``ask`` as for `every`."""
    after = ""
    while True:
        page = ask(after)
        yield page
        after = page.next
        if not after:
            return


def _fits(key: Any) -> bool:  # noqa: ANN401 - whatever a key is made of
    match key:
        case bool():
            return True
        case int():
            return _LEAST <= key <= _MOST
        case str():
            return "\0" not in key
        case Collection():
            return all(map(_fits, key))
    return True
