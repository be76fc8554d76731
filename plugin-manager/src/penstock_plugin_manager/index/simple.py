"""Package indexes: the simple API (PEP 503, 592, 691, 700, 740, 792) and folders of wheels."""

from __future__ import annotations

import datetime as dt
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urldefrag, urljoin

from penstock_plugin_manager.errors import ManagerError, MissingError
from penstock_plugin_manager.index.fetch import fetch
from penstock_plugin_manager.model.names import normalize
from penstock_plugin_manager.model.requirement import newest, wheel_parts

_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"


class Offered(NamedTuple):
    """A file that a source offers.

    Attributes:
        yanked: The reason, or None for a file that stands; a reason may be empty.
        provenance: Address of its attestations (PEP 740), or an empty string.
    """

    name: str
    version: str
    url: str
    sha256: str = ""
    size: int | None = None
    requires_python: str = ""
    yanked: str | None = None
    uploaded: dt.datetime | None = None
    provenance: str = ""


class Project(NamedTuple):
    """What a source has of one distribution; the status is that of PEP 792."""

    name: str
    files: tuple[Offered, ...]
    status: str = "active"
    status_reason: str = ""

    def versions(self) -> list[str]:
        """Return the versions that are not yanked, without order."""
        return sorted({each.version for each in self.files if each.yanked is None})

    def newest(self) -> str | None:
        """Return the newest version that is not yanked, or None."""
        return newest(self.versions())


def read_project(name: str, indexes: list[str], find_links: list[str], *, offline: bool = False) -> Project:
    """Return what the sources have of a distribution, all of them together.

    Raises:
        MissingError: no source has it.
        ManagerError: an index does not answer, or answers what is no index page.
    """
    files: list[Offered] = []
    status, reason = "active", ""
    for place in find_links:
        files += [
            each
            for each in read_links(place, offline=offline)
            if wheel_parts(each.name) == (normalize(name), each.version)
        ]
    for index in indexes:
        try:
            page = read_page(index, name, offline=offline)
        except MissingError:
            continue
        files += page.files
        if page.status != "active":
            status, reason = page.status, page.status_reason
    if not files:
        raise MissingError(f"No source has {name}.", "Check the name and the index.")
    return Project(normalize(name), tuple(files), status, reason)


def read_page(index: str, name: str, *, offline: bool = False) -> Project:
    """Return one index's page of a distribution.

    Raises:
        MissingError: the index does not have it.
        ManagerError: the index does not answer, or answers what is no index page.
    """
    url = f"{index.rstrip('/')}/{normalize(name)}/"
    if not url.startswith(("http://", "https://")):
        url += "index.html"
    answer = fetch(url, _ACCEPT, offline=offline)
    if answer.media.endswith("+json"):
        return _read_json(name, answer.body, answer.url)
    text = answer.body.decode("utf-8", "replace")
    if "<" not in text:
        raise ManagerError(f"{url} is no page of a package index.", "Check the index URL.")
    return Project(normalize(name), tuple(_read_html(text, answer.url)))


def read_links(place: str, *, offline: bool = False) -> list[Offered]:
    """Return the files of a ``--find-links`` place: a folder, or a page of links.

    Raises:
        MissingError: there is no such place.
    """
    path = Path(place.removeprefix("file://"))
    if path.is_dir():
        found = []
        for file in sorted(path.iterdir()):
            parts = wheel_parts(file.name)
            if parts:
                found.append(Offered(file.name, parts[1], file.resolve().as_uri(), size=file.stat().st_size))
        return found
    answer = fetch(place, "text/html", offline=offline)
    return _read_html(answer.body.decode("utf-8", "replace"), answer.url)


def _read_json(name: str, body: bytes, url: str) -> Project:
    try:
        data = json.loads(body)
        files = [_json_file(item, url) for item in data["files"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ManagerError(f"{url} is no page of a package index.", "Check the index URL.") from None
    status = data.get("project-status") or {}
    known = tuple(each for each in files if each is not None)
    return Project(normalize(name), known, status.get("status", "active"), status.get("reason", ""))


def _json_file(item: dict[str, Any], url: str) -> Offered | None:
    parts = wheel_parts(item["filename"])
    if parts is None:
        return None
    yanked = item.get("yanked", False)
    return Offered(
        name=item["filename"],
        version=parts[1],
        url=urljoin(url, item["url"]),
        sha256=item.get("hashes", {}).get("sha256", ""),
        size=item.get("size"),
        requires_python=item.get("requires-python") or "",
        yanked=(yanked if isinstance(yanked, str) else "") if yanked else None,
        uploaded=_instant(item.get("upload-time")),
        provenance=urljoin(url, item["provenance"]) if item.get("provenance") else "",
    )


def _instant(text: str | None) -> dt.datetime | None:
    if not text:
        return None
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None


class _Links(HTMLParser):
    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base
        self.found: list[Offered] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        href = values.get("href")
        if tag != "a" or not href:
            return
        url, fragment = urldefrag(urljoin(self._base, href))
        name = unquote(url.rpartition("/")[2])
        parts = wheel_parts(name)
        if parts is None:
            return
        sha256 = fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else ""
        yanked = (values["data-yanked"] or "") if "data-yanked" in values else None
        self.found.append(
            Offered(
                name, parts[1], url, sha256, None, values.get("data-requires-python") or "", yanked, None,
                urljoin(self._base, values["data-provenance"] or "") if "data-provenance" in values else "",
            )
        )  # fmt: skip


def _read_html(text: str, base: str) -> list[Offered]:
    parser = _Links(base)
    parser.feed(text)
    return parser.found
