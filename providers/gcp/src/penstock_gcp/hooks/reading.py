"""The reading half of the hook of Cloud Storage: looking at objects, listing, streams."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from penstock.errors import ErrorKind, ProviderError
from penstock_gcp.errors import is_missing_object
from penstock_gcp.hooks.base import GCSBase
from penstock_gcp.hooks.stream import GCSStream

_SPECIAL = "*?[{"
_MASK = "items(name,size,generation,crc32c,updated,contentType,metadata),nextPageToken,prefixes"


@dataclass(frozen=True, slots=True)
class GCSObject:
    """One object as it was seen.

    Attributes:
        bucket: Its bucket.
        name: Its name.
        size: Bytes as they are stored.
        generation: The number of this content, which grows with each write of the name.
        crc32c: The checksum of the stored bytes, in base64.
        updated: When content or metadata changed last, by the service's clock.
        content_type: Its media type.
        metadata: What its writer has said of it.
    """

    bucket: str
    name: str
    size: int
    generation: int
    crc32c: str
    updated: datetime
    content_type: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def url(self) -> str:
        """Its ``gs://`` URL."""
        return f"gs://{self.bucket}/{self.name}"


class GCSReading(GCSBase):
    """What the hook reads; every method raises `penstock.errors.ProviderError` with the kind of the failure."""

    def head(self, name: str, bucket: str = "", *, generation: int | None = None) -> GCSObject | None:
        """The object, or None if there is none; one request.

        Args:
            name: Name or ``gs://`` URL.
            bucket: Its bucket, unless ``name`` is a URL.
            generation: This content of it and no other.
        """
        bucket, name = self.parse(name, bucket)
        blob = self._blob(bucket, name, generation)
        try:
            self.call("GetObject", lambda: blob.reload(timeout=self.timeout, retry=None), f"gs://{bucket}/{name}")
        except ProviderError as error:
            if is_missing_object(error):
                return None
            raise
        return _seen(bucket, blob)

    def list_objects(
        self,
        prefix: str = "",
        bucket: str = "",
        *,
        match_glob: str = "",
        start_offset: str = "",
        page_size: int | None = None,
    ) -> Iterator[GCSObject]:
        """Objects whose names begin with a prefix, in the order of names, page by page.

        Args:
            prefix: Beginning of names, or a ``gs://`` URL of one.
            bucket: The bucket, unless ``prefix`` is a URL.
            match_glob: Only names that match, as the service judges: ``*`` stops at ``/``, ``**`` crosses it.
            start_offset: Only names from this one on.
            page_size: Objects of one request; the service's 1000 unless given.

        Raises:
            ProviderError: The service could not be asked, or gives the same page again.
        """
        bucket, prefix = self.parse_prefix(prefix, bucket)
        token: str | None = None
        while True:
            given = {
                "prefix": prefix or None, "match_glob": match_glob or None, "start_offset": start_offset or None,
                "page_token": token, "page_size": page_size,
            }  # fmt: skip
            found, following = self._page(bucket, given)
            yield from found
            if following is None:
                return
            if following == token:
                raise ProviderError(
                    f"gs://{bucket}/{prefix}: the list does not get further", service="gcs", operation="ListObjects",
                    kind=ErrorKind.TRANSIENT,
                )  # fmt: skip
            token = following

    def _page(self, bucket: str, given: dict[str, Any]) -> tuple[list[GCSObject], str | None]:
        where = self._bucket(bucket)

        def ask() -> tuple[list[GCSObject], str | None]:
            listed = where.list_blobs(**given, fields=_MASK, timeout=self.timeout, retry=None)
            page = next(listed.pages, ())
            return [_seen(bucket, each) for each in page], listed.next_page_token

        return self.call("ListObjects", ask, f"gs://{bucket}/{given['prefix'] or ''}")

    def glob(self, pattern: str, bucket: str = "") -> Iterator[GCSObject]:
        """Objects whose names match: ``*`` and ``?`` stop at ``/``, ``**`` crosses it; the service itself looks for them."""
        bucket, pattern = self.parse(pattern, bucket)
        return self.list_objects(literal_prefix(pattern), bucket, match_glob=pattern)

    def open(self, name: str, bucket: str = "", *, generation: int | None = None) -> BinaryIO:
        """A stream over the object as it is stored; what is read is whole and right, or the read raises.

        A transfer that breaks off goes on where it was, in the same generation.
        """
        bucket, name = self.parse(name, bucket)
        return cast("BinaryIO", GCSStream(self, bucket, name, generation))

    def read(self, name: str, bucket: str = "", *, generation: int | None = None) -> bytes:
        """The whole object."""
        with self.open(name, bucket, generation=generation) as stream:
            return stream.read()

    def download_file(self, name: str, path: str | os.PathLike[str], bucket: str = "") -> None:
        """Store the object as a file, which is there whole or not at all."""
        with self.open(name, bucket) as source, whole_file(Path(path)) as file:
            shutil.copyfileobj(source, file, 1 << 20)


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes its name once the block has ended well; it is there whole or not at all."""
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name[:100]}.", delete=False) as file:
        try:
            yield cast("BinaryIO", file)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(target)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def literal_prefix(pattern: str) -> str:
    """What every name that matches begins with."""
    ends = [pattern.find(each) for each in _SPECIAL if each in pattern]
    return pattern[: min(ends)] if ends else pattern


def _seen(bucket: str, blob: Any) -> GCSObject:  # noqa: ANN401 - the SDK's
    updated = blob.updated or datetime.fromtimestamp(0, UTC)
    return GCSObject(
        bucket,
        blob.name,
        blob.size or 0,
        blob.generation or 0,
        blob.crc32c or "",
        updated,
        blob.content_type or "",
        blob.metadata or {},
    )
