"""A page of links in HTML, and whether it is one: a form to log in is no index without files."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import unquote, urldefrag, urljoin

from penstock_plugin_manager.model.requirement import wheel_parts

_TITLES = ("links for", "index of", "simple index", "directory listing", "simple package", "all packages")
"""How indexes and servers of folders begin the title or heading of a page, an empty one as well (PEP 503; Apache, nginx, Python)."""
_BUSY = {"form", "input", "script", "iframe", "object", "video", "canvas"}
"""Elements that a page of links has no use for."""


class Link(NamedTuple):
    """One link: the file's name, its address without the part after ``#``, that part, and the element's attributes."""

    name: str
    url: str
    fragment: str
    attributes: Mapping[str, str | None]


class Page(NamedTuple):
    """A page.

    Attributes:
        links: All links that it holds.
        is_index: Whether it is a page of links at all.
    """

    links: tuple[Link, ...]
    is_index: bool


def read_page_of_links(text: str, base: str) -> Page:
    """Read a page of links.

    Args:
        text: The page.
        base: Its address, for relative links.
    """
    parser = _Parser(base)
    parser.feed(text)
    parser.close()
    has_files = any(wheel_parts(each.name) for each in parser.links)
    titled = any(title in parser.heading.lower() for title in _TITLES)
    is_index = has_files or parser.is_marked or (titled and not parser.elements & _BUSY)
    return Page(tuple(parser.links), is_index)


class _Parser(HTMLParser):
    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base
        self._in_heading = False
        self.links: list[Link] = []
        self.elements: set[str] = set()
        self.heading = ""
        self.is_marked = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.elements.add(tag)
        self._in_heading = tag in {"title", "h1"}
        if tag == "meta" and (values.get("name") or "").lower() == "pypi:repository-version":
            self.is_marked = True
        elif tag == "base" and values.get("href"):
            self._base = urljoin(self._base, values["href"] or "")
        elif tag == "a" and values.get("href"):
            self._add(values["href"] or "", values)

    def _add(self, href: str, attributes: Mapping[str, str | None]) -> None:
        try:
            url, fragment = urldefrag(urljoin(self._base, href.strip()))
        except ValueError:  # an address that is none leads nowhere
            return
        name = unquote(url.partition("?")[0].rpartition("/")[2])
        self.links.append(Link(name, url, fragment, attributes))

    def handle_data(self, data: str) -> None:
        if self._in_heading:
            self.heading += data

    def handle_endtag(self, tag: str) -> None:
        del tag
        self._in_heading = False
