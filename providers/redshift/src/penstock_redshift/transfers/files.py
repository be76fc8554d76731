"""Which files a COPY loads: listed once, named by a manifest, so that it loads these and no others."""

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.object_store import ObjectInfo, open_store


class Files(NamedTuple):
    """The files of one load and the manifest that names them.

    Attributes:
        objects: The files, sorted by URL.
        fingerprint: Hash of their URLs, sizes and tags: the same files have the same, a changed one has another.
    """

    objects: tuple[ObjectInfo, ...]
    fingerprint: str

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(each.size for each in self.objects)

    def manifest(self) -> bytes:
        """The manifest's JSON: every file is mandatory, so that one that has vanished fails the COPY.

        Source: "Using a manifest to specify data files", Amazon Redshift Database Developer Guide; the length is what
        columnar formats need.
        """
        entries = [{"url": each.url, "mandatory": True, "meta": {"content_length": each.size}} for each in self.objects]
        return json.dumps({"entries": entries}, indent=1).encode()


def find_files(sources: Sequence[str], conn_id: str | None) -> Files:
    """The files behind URLs: an object itself, or all that begin with the URL.

    Of a prefix, empty files are left out, and those whose name or folder below it begins with ``_`` or ``.``, which by
    convention are no data.

    Raises:
        penstock.errors.ProviderError: Of kind ``not_found``: a URL stands for no file.
    """
    found: dict[str, ObjectInfo] = {}
    for url in sources:
        store = open_store(url, conn_id)
        single = None if url.endswith("/") else store.stat(url)
        objects = [single] if single else [each for each in store.list(url) if _is_data(each, url)]
        if not objects:
            raise ProviderError(
                f"{url}: there is no file to load", service="redshift", operation="COPY", kind=ErrorKind.NOT_FOUND,
                hint="Wait for it with a sensor upstream, or correct the URL",
            )  # fmt: skip
        found |= {each.url: each for each in objects}
    objects = [found[url] for url in sorted(found)]
    digest = hashlib.blake2b(digest_size=20)
    for each in objects:
        digest.update(f"{each.url}\0{each.size}\0{each.etag}\0".encode())
    return Files(tuple(objects), digest.hexdigest())


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
    open_store(url, conn_id).write(url, files.manifest(), if_absent=True)
    return url


def _is_data(found: ObjectInfo, prefix: str) -> bool:
    below = found.url[prefix.rfind("/") + 1 :]
    return found.size > 0 and not any(part.startswith(("_", ".")) for part in below.split("/"))
