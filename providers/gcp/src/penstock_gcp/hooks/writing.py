"""The writing half of the hook of Cloud Storage: every object is made by a resumable upload with a precondition."""

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import quote

from penstock.errors import ErrorKind, ProviderError
from penstock_gcp.hooks.reading import GCSReading
from penstock_gcp.hooks.resumable import CHUNK_BYTES, ResumableUpload, SessionGoneError

_QUANTUM = 256 * 1024


class Kept(Protocol):
    """Keeps values from try to try, as ``context["checkpoints"]`` does."""

    def get(self, key: str) -> Any:  # noqa: ANN401 - any JSON value
        """The value, or None."""

    def set(self, key: str, value: Any) -> None:  # noqa: ANN401 - any JSON value
        """Keep it."""


def local_file(path: str | os.PathLike[str]) -> Path:
    """The path of a file of this machine that is to be stored.

    Raises:
        penstock.errors.ProviderError: Of kind ``invalid``: there is no such file here.
    """
    if not Path(path).is_file():
        raise ProviderError(
            f"there is no file {os.fspath(path)!r} on the machine of this task", service="gcs", operation="InsertObject",
            kind=ErrorKind.INVALID,
        )  # fmt: skip
    return Path(path)


class GCSWriting(GCSReading):
    """What the hook writes; every method raises `penstock.errors.ProviderError` with the kind of the failure.

    ``generation`` is what must be at the destination: its number, 0 for nothing. Without it, that of the moment is taken: who
    writes the object in between makes the write a ``conflict``, and nobody's content is lost unseen.
    """

    def upload(
        self,
        stream: BinaryIO,
        name: str,
        bucket: str = "",
        *,
        replace: bool = True,
        generation: int | None = None,
        chunk_bytes: int = CHUNK_BYTES,
        metadata: Mapping[str, Any] | None = None,
    ) -> bool:
        """Store a stream of any length, holding one chunk in memory; nothing is left behind if it fails.

        Args:
            stream: The content.
            name: Name or ``gs://`` URL.
            bucket: The bucket, unless ``name`` is a URL.
            replace: Whether an object that is there is replaced; of many writers that do not, one wins.
            generation: What must be there.
            chunk_bytes: Bytes of one request, a multiple of 256 KiB.
            metadata: Fields of the object's resource, such as ``{"contentType": "text/csv"}``.

        Returns:
            False if there was an object and ``replace`` is off; nothing changed then.

        Raises:
            ValueError: The size of a chunk is none that the service takes.
        """
        if chunk_bytes <= 0 or chunk_bytes % _QUANTUM:
            raise ValueError(f"chunk_bytes is {chunk_bytes}; it must be a multiple of {_QUANTUM}")
        bucket, name = self.parse(name, bucket)
        url = f"gs://{bucket}/{name}"
        expected = self._expected(bucket, name, generation) if replace else 0
        upload = None
        try:
            session = self._begin(bucket, name, expected, metadata)
            upload = ResumableUpload(self, url, session, chunk_bytes=chunk_bytes)
            upload.send(stream)
        except BaseException as error:
            if upload is not None:
                upload.cancel()
            if not replace and isinstance(error, ProviderError) and error.http_status == 412:
                return False
            raise
        return True

    def write(
        self,
        data: bytes,
        name: str,
        bucket: str = "",
        *,
        replace: bool = True,
        generation: int | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> bool:
        """Store bytes; as `upload`."""
        return self.upload(io.BytesIO(data), name, bucket, replace=replace, generation=generation, metadata=metadata)

    def upload_file(
        self,
        path: str | os.PathLike[str],
        name: str,
        bucket: str = "",
        *,
        kept: Kept | None = None,
        generation: int | None = None,
        chunk_bytes: int = CHUNK_BYTES,
        metadata: Mapping[str, Any] | None = None,
    ) -> int:
        """Store a file; with ``kept``, a later call goes on where one that was killed has ended.

        Args:
            path: The file. One that has changed since is uploaded from its begin.
            name: Name or ``gs://`` URL.
            bucket: The bucket, unless ``name`` is a URL.
            kept: Where the upload's session is kept, such as ``context["checkpoints"]``.
            generation: What must be at the destination; what is there at the upload's begin unless given.
            chunk_bytes: Bytes of one request, a multiple of 256 KiB.
            metadata: Fields of the object's resource.

        Returns:
            The generation of the object.

        Raises:
            ValueError: The size of a chunk is none that the service takes.
        """
        if chunk_bytes <= 0 or chunk_bytes % _QUANTUM:
            raise ValueError(f"chunk_bytes is {chunk_bytes}; it must be a multiple of {_QUANTUM}")
        bucket, name = self.parse(name, bucket)
        with local_file(path).open("rb") as stream:
            seen, url = os.fstat(stream.fileno()), f"gs://{bucket}/{name}"
            of_file = {"path": os.fspath(path), "url": url, "size": seen.st_size, "at": seen.st_mtime_ns}
            key = f"gcs_upload {url}"
            known = kept.get(key) if kept is not None else None
            if known is not None and {each: known.get(each) for each in of_file} == of_file:
                found = self._resumed(stream, known, chunk_bytes)
                if found is not None:
                    return found
            session = self._begin(bucket, name, self._expected(bucket, name, generation), metadata)
            if kept is not None:
                kept.set(key, {**of_file, "session": session})
            stream.seek(0)
            made = ResumableUpload(self, url, session, chunk_bytes=chunk_bytes).send(stream)
        return int(made["generation"])

    def _resumed(self, stream: BinaryIO, known: Mapping[str, Any], chunk_bytes: int) -> int | None:
        """Go on with a session of an earlier try; None if the service has forgotten it."""
        upload = ResumableUpload(self, known["url"], known["session"], chunk_bytes=chunk_bytes)
        try:
            held = upload.persisted(known["size"])
        except SessionGoneError:
            return None
        if not isinstance(held, int):
            return int(held["generation"])
        print(f"{known['url']}: goes on at byte {held} of {known['size']}")  # noqa: T201 - the task's log
        upload.skip(stream, held)
        return int(upload.send(stream, held)["generation"])

    def _expected(self, bucket: str, name: str, generation: int | None) -> int:
        if generation is not None:
            return generation
        found = self.head(name, bucket)
        return found.generation if found else 0

    def _begin(self, bucket: str, name: str, expected: int, metadata: Mapping[str, Any] | None) -> str:
        """The URI of a new session."""
        path, url = f"/upload/storage/v1/b/{quote(bucket, safe='')}/o", f"gs://{bucket}/{name}"
        params = {"uploadType": "resumable", "name": name, "ifGenerationMatch": str(expected)}
        headers = {"Content-Type": "application/json; charset=UTF-8"}
        content = json.dumps(dict(metadata or {})).encode()

        def ask() -> str:
            answer = self.send("InsertObject", "POST", path, what=url, params=params, headers=headers, content=content)
            session = answer.headers.get("Location", "")
            if not session:
                raise ProviderError(
                    f"{url}: the answer names no session",
                    service="gcs",
                    operation="InsertObject",
                    kind=ErrorKind.TRANSIENT,
                )
            return str(session)

        return self.call("InsertObject", ask, url)
