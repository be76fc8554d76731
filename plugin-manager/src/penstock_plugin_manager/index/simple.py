"""Package indexes: the simple API (PEP 503, 592, 658, 691, 700, 740, 792), pages of links and folders of files."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from penstock_manifest.format import plain

from penstock_plugin_manager.errors import ManagerError, MissingError
from penstock_plugin_manager.index.client import Client
from penstock_plugin_manager.index.network import shown
from penstock_plugin_manager.index.page import read_page_of_links
from penstock_plugin_manager.index.sources import Sources
from penstock_plugin_manager.model.names import normalize
from penstock_plugin_manager.model.requirement import newest, wheel_parts

_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"


class Offered(NamedTuple):
    """A file that a source offers.

    Attributes:
        hashes: Digest by algorithm, as far as the source tells any.
        yanked: The reason, or None for a file that stands; a reason may be empty.
        provenance: Address of its attestations (PEP 740), or an empty string.
        metadata: Whether its metadata can be fetched alone (PEP 658).
    """

    name: str
    version: str
    url: str
    hashes: tuple[tuple[str, str], ...] = ()
    size: int | None = None
    requires_python: str = ""
    yanked: str | None = None
    uploaded: dt.datetime | None = None
    provenance: str = ""
    metadata: bool = False

    @property
    def sha256(self) -> str:
        """Its SHA-256, or an empty string."""
        return dict(self.hashes).get("sha256", "")


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


def read_project(name: str, sources: Sources, client: Client) -> Project:
    """Return what the sources have of a distribution: the first index that has it, and all ``find_links``.

    A later index is not asked for a name that an earlier one has or refuses to tell of: who registers a private name elsewhere
    gains nothing.

    Raises:
        MissingError: no source has it.
        ManagerError: a source does not answer, may not be asked, or answers what is no index page.
    """
    files = [
        each
        for place in sources.find_links
        if not (sources.offline and "://" in place)
        for each in read_links(place, client)
        if wheel_parts(each.name) == (normalize(name), each.version)
    ]
    page = Project(normalize(name), ())
    for index in sources.indexes:
        if sources.offline and files:
            break
        try:
            page = read_page(index or client.default_index(), name, client)
        except MissingError:
            continue
        break
    if not files and not page.files:
        raise MissingError(
            f"No source has {name}.", "Check the name and the index, or name a folder of wheels: --find-links FOLDER."
        )
    return page._replace(files=(*files, *page.files))


def read_page(index: str, name: str, client: Client) -> Project:
    """Return one index's page of a distribution.

    Raises:
        MissingError: the index does not have it.
        ManagerError: the index does not answer, or answers what is no index page.
    """
    url = f"{index.rstrip('/')}/{normalize(name)}/"
    if not url.startswith(("http://", "https://")):
        url += "index.html"
    answer = client.fetch(url, _ACCEPT)
    if answer.media.endswith("+json"):
        return _read_json(name, answer.body, answer.url)
    return Project(normalize(name), tuple(_read_html(answer.body, answer.url)))


def read_links(place: str, client: Client) -> list[Offered]:
    """Return the files of a ``--find-links`` place: a folder, or a page of links.

    Raises:
        MissingError: there is no such place.
        ManagerError: it cannot be read, or is no page of links.
    """
    path = Path(place)
    if ("://" in place and not place.startswith("file:")) or not path.is_dir():
        answer = client.fetch(place, "text/html")
        return _read_html(answer.body, answer.url)
    try:
        files = sorted(each for each in path.iterdir() if wheel_parts(each.name) and each.is_file())
    except OSError as error:
        raise ManagerError(f"{place} cannot be read: {error.strerror}.") from None
    return [_offered(each.name, each.resolve().as_uri(), size=each.stat().st_size) for each in files]


def _offered(name: str, url: str, **facts: Any) -> Offered:  # noqa: ANN401  the fields of an Offered
    parts = wheel_parts(name)
    return Offered(name, parts[1] if parts else "", url, **facts)


def _read_json(name: str, body: bytes, url: str) -> Project:
    try:
        data = json.loads(body)
        files = tuple(_json_file(item, url) for item in data["files"] if wheel_parts(item["filename"]))
        status = data.get("project-status") or {}
        return Project(
            normalize(name), files, plain(str(status.get("status", "active"))), plain(str(status.get("reason") or ""))
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _no_index(url) from None


def _json_file(item: dict[str, Any], url: str) -> Offered:
    yanked = item.get("yanked", False)
    size = item.get("size")
    provenance = item.get("provenance")
    return _offered(
        item["filename"],
        urljoin(url, item["url"]),
        hashes=_hashes((str(key), str(text)) for key, text in (item.get("hashes") or {}).items()),
        size=size if isinstance(size, int) and size >= 0 else None,
        requires_python=str(item.get("requires-python") or ""),
        yanked=(plain(yanked) if isinstance(yanked, str) else "") if yanked else None,
        uploaded=_instant(item.get("upload-time")),
        provenance=urljoin(url, provenance) if isinstance(provenance, str) else "",
        metadata=bool(item.get("core-metadata")),
    )


def _hashes(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((key.lower(), text.lower()) for key, text in pairs if key.isalnum() and text.isalnum())


def _instant(text: object) -> dt.datetime | None:
    try:
        found = dt.datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=dt.UTC)


def _read_html(body: bytes, base: str) -> list[Offered]:
    page = read_page_of_links(body.decode("utf-8", "replace"), base)
    if not page.is_index:
        raise _no_index(base)
    return [
        _offered(
            each.name,
            each.url,
            hashes=_hashes([(each.fragment.partition("=")[0], each.fragment.partition("=")[2])]),
            requires_python=each.attributes.get("data-requires-python") or "",
            yanked=plain(each.attributes["data-yanked"] or "") if "data-yanked" in each.attributes else None,
            provenance=urljoin(base, each.attributes.get("data-provenance") or "")
            if each.attributes.get("data-provenance")
            else "",
            metadata=bool(each.attributes.get("data-core-metadata") or each.attributes.get("data-dist-info-metadata")),
        )
        for each in page.links
        if wheel_parts(each.name)
    ]


def _no_index(url: str) -> ManagerError:
    return ManagerError(
        f"{shown(url)} is no page of a package index.",
        f"Check the address of the index; a server that wants a login first may answer like that ({urlsplit(url).hostname or 'a file'}).",
    )
