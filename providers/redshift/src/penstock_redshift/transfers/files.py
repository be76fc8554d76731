"""Which files a COPY loads: listed once, named by a manifest, so that it loads these and no others."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import NamedTuple, TypeVar

from penstock.errors import ErrorKind, MissingProviderError, ProviderError
from penstock.spec.object_store import ObjectInfo, ObjectStore, open_store

T = TypeVar("T")

_MOST_BYTES = 1 << 20  # of a manifest: some 10,000 files
_NEVER_MANIFESTS = (".gz", ".bz2", ".zst", ".lzo", ".parquet", ".orc", ".avro")
_READERS = 8


class Files(NamedTuple):
    """The files of one load and the manifest that names them.

    Attributes:
        objects: The files that hold something, sorted by URL.
        empty: Those that hold nothing: they were found, and there is nothing to load from them.
    """

    objects: tuple[ObjectInfo, ...]
    empty: tuple[ObjectInfo, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(each.size for each in self.objects)

    @property
    def every(self) -> tuple[ObjectInfo, ...]:
        """All files, empty ones too."""
        return self.objects + self.empty

    @property
    def fingerprint(self) -> str:
        """Hash of their URLs, sizes and tags: the same files have the same, a changed one has another."""
        digest = hashlib.blake2b(digest_size=20)
        for each in sorted(self.every):
            digest.update(f"{each.url}\0{each.size}\0{each.etag}\0".encode())
        return digest.hexdigest()

    def without(self, loaded: Iterable[tuple[str, str]]) -> "Files":
        """The files that are not among these pairs of URL and tag."""
        known = set(loaded)
        left = [[each for each in part if (each.url, each.etag) not in known] for part in self]
        return Files(*map(tuple, left))

    def manifest(self) -> bytes:
        """The manifest's JSON: every file is mandatory, so that one that has vanished fails the COPY.

        Source: "Using a manifest to specify data files", Amazon Redshift Database Developer Guide; the length is what
        columnar formats need.
        """
        entries = [{"url": each.url, "mandatory": True, "meta": {"content_length": each.size}} for each in self.objects]
        return json.dumps({"entries": entries}, indent=1).encode()


def find_files(sources: Sequence[str], conn_id: str | None, *, required: bool = True) -> Files:
    """The files behind URLs: an object itself, or all that begin with the URL.

    Of a prefix, those are left out that are no data: whose name or folder below it begins with ``_`` or ``.``, and
    manifests, whoever wrote them.

    Args:
        sources: The URLs.
        conn_id: Connection of the store.
        required: Whether each must stand for a file.

    Raises:
        penstock.errors.ProviderError: Of kind ``not_found``: a URL stands for no file and must. Of kind ``invalid``: it stands for a
            manifest.
        penstock.errors.MissingProviderError: No installed provider reads S3.
    """
    found: dict[str, ObjectInfo] = {}
    for url in sources:
        store = _store(url, conn_id)
        objects = _objects(store, url)
        manifests = _manifests(store, objects)
        if url in manifests:
            raise _problem(
                f"{url} is a manifest, and its text would be loaded as rows", ErrorKind.INVALID,
                "Give the files that it names, or their prefix: this operator writes a manifest of its own",
            )  # fmt: skip
        objects = [each for each in objects if each.url not in manifests]
        for each in sorted(manifests):
            print(f"{each} is a manifest or a JSONPaths file, and left out")  # noqa: T201 - the task's log
        if required and not objects:
            hint = "Wait for it with a sensor upstream, or correct the URL"
            raise _problem(f"{url}: there is no file to load", ErrorKind.NOT_FOUND, hint)
        found |= {each.url: each for each in objects}
    ordered = [found[url] for url in sorted(found)]
    return Files(tuple(each for each in ordered if each.size), tuple(each for each in ordered if not each.size))


def refuse_changed(files: Files, sources: Sequence[str], conn_id: str | None) -> None:
    """Look at the files once more, after they were loaded.

    Args:
        files: What was loaded.
        sources: The URLs behind which they were found: a list of many costs one request, where each file would be one.
        conn_id: Connection of the store.

    Raises:
        penstock.errors.ProviderError: Of kind ``transient``: one was replaced meanwhile, and nobody knows which of the two
            was loaded.
    """
    now = {each.url: each for url in sources for each in _objects(_store(url, conn_id), url)}
    changed = [each.url for each in files.every if now.get(each.url) != each]
    if changed:
        raise _problem(
            f"{changed[0]} was changed while it was loaded{f', and {len(changed) - 1} more' if changed[1:] else ''}",
            ErrorKind.TRANSIENT, "Let files be written under names of their own, and loaded when they are complete",
        )  # fmt: skip


def write_manifest(files: Files, prefix: str, conn_id: str | None) -> str:
    """Store the manifest under a name made of its content; returns its URL.

    Args:
        files: What it names.
        prefix: URL of the folder; ``_penstock/manifests/`` in the first file's bucket if "".
        conn_id: Connection of the store.
    """
    scheme, _, rest = files.objects[0].url.partition("://")
    folder = prefix or f"{scheme}://{rest.partition('/')[0]}/_penstock/manifests/"
    url = f"{folder.removesuffix('/')}/{files.fingerprint}.json"
    _store(url, conn_id).write(url, files.manifest(), if_absent=True)
    return url


def _store(url: str, conn_id: str | None) -> ObjectStore:
    if not url.startswith("s3://"):
        raise _problem(
            f"{url} is no URL of S3", ErrorKind.INVALID, "Copy the files to S3 first: COPY reads nothing else"
        )
    try:
        return open_store(url, conn_id)
    except MissingProviderError:
        raise MissingProviderError("aws", "Listing files of S3 for COPY") from None


def _objects(store: ObjectStore, url: str) -> list[ObjectInfo]:
    """The object itself, or all data that begin with the URL."""
    single = None if url.endswith("/") else store.stat(url)
    return [single] if single else [each for each in store.list(url) if _is_data(each, url)]


def _is_data(found: ObjectInfo, prefix: str) -> bool:
    beyond = found.url[len(prefix) :].split("/")
    if not prefix.endswith("/"):
        del beyond[0]  # the rest of a name whose beginning was asked for
    return not found.url.endswith("/") and not any(part.startswith(("_", ".")) for part in beyond)


def _manifests(store: ObjectStore, objects: Sequence[ObjectInfo]) -> set[str]:
    """URLs of the objects that are manifests, or JSONPaths files, by their content."""
    suspects = [
        each.url for each in objects if 0 < each.size <= _MOST_BYTES and not each.url.lower().endswith(_NEVER_MANIFESTS)
    ]
    return {url for url, body in zip(suspects, _each(store.read, suspects), strict=True) if _is_manifest(body)}


def _each(ask: Callable[[str], T], urls: Sequence[str]) -> list[T]:
    """What a store answers to each URL, several at a time."""
    # the first one here, so that the store has its connection before threads share it
    first = [ask(url) for url in urls[:1]]
    contexts = [copy_context() for _ in urls[1:]]
    with ThreadPoolExecutor(_READERS) as pool:
        return first + list(pool.map(lambda context, url: context.run(ask, url), contexts, urls[1:]))


def _is_manifest(body: bytes) -> bool:
    if not body.lstrip().startswith(b"{"):
        return False
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):  # the cluster is the judge of data
        return False
    paths = document.get("jsonpaths")
    if isinstance(paths, list) and len(document) == 1:
        return all(isinstance(each, str) and each.startswith("$") for each in paths)
    entries = document.get("entries")
    return isinstance(entries, list) and all(
        isinstance(each, dict) and str(each.get("url", "")).startswith("s3://") for each in entries
    )


def _problem(detail: str, kind: ErrorKind, hint: str) -> ProviderError:
    return ProviderError(detail, service="redshift", operation="COPY", kind=kind, hint=hint)
