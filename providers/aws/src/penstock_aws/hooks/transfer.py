"""Objects in parts: uploads of streams and copies of what is too large for one request.

Limits are those of the page "Amazon S3 multipart upload limits": 10,000 parts of 5 MiB to 5 GiB each.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO
from urllib.parse import urlencode

from penstock.spec.objects.stream_parts import read_exactly
from penstock_aws.hooks.reading import S3Object

_PART_BYTES = 8 * 1024**2
_MOST_PARTS = 10_000
_COPY_PART_BYTES = 512 * 1024**2
_SINGLE_COPY_BYTES = 5 * 1024**3  # above it, CopyObject refuses

# What a copy takes over from its source; CopyObject does so by itself, an upload in parts has to be told.
_METADATA = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Metadata")

Add = Callable[[int, str, dict[str, Any]], None]


class Upload:
    """One object that is written, in one request or in parts, with the same options either way.

    Args:
        client: The SDK's client.
        bucket: Where to.
        key: Where to.
        options: Arguments of PutObject; each request is sent those that it knows.
        condition: What the request that makes the object visible demands.

    Raises:
        ValueError: An option of one request alone, in an upload that takes several.
    """

    def __init__(
        self,
        client: Any,  # noqa: ANN401 - boto3's
        bucket: str,
        key: str,
        options: dict[str, Any],
        condition: dict[str, str],
    ) -> None:
        self.client, self.options, self.condition = client, options, condition
        self.names = {"Bucket": bucket, "Key": key}

    def stream(self, stream: BinaryIO) -> None:
        """Store a stream of unknown length; parts grow with it, so that any length up to the limit fits."""
        first = read_exactly(stream, _PART_BYTES)
        if len(first) < _PART_BYTES:
            self.client.put_object(Body=first, **self.names, **self.options, **self.condition)
            return
        with self.in_parts("UploadPart") as add:
            number, part = 1, first
            while part:
                add(number, "upload_part", {"Body": part})
                number += 1
                part = read_exactly(stream, _part_size(number))

    @contextmanager
    def in_parts(self, operation: str) -> Iterator[Add]:
        """A function that adds parts by ``operation``; the object is completed at the end, or nothing is left."""
        self._refuse_unknown(("CreateMultipartUpload", operation, "CompleteMultipartUpload"))
        created = self.client.create_multipart_upload(**self.names, **self._of("CreateMultipartUpload", self.options))
        upload = self.names | {"UploadId": created["UploadId"]}
        parts: list[dict[str, Any]] = []
        of_a_part = self._of(operation, self.options)

        def add(number: int, method: str, content: dict[str, Any]) -> None:
            answer = getattr(self.client, method)(PartNumber=number, **upload, **of_a_part, **content)
            part = answer.get("CopyPartResult", answer)
            sums = {
                name: value for name, value in part.items() if name.startswith("Checksum") and name != "ChecksumType"
            }
            parts.append({"PartNumber": number, "ETag": part["ETag"]} | sums)

        try:
            yield add
            of_the_end = self._of("CompleteMultipartUpload", self.options)
            made = {"MultipartUpload": {"Parts": parts}}
            self.client.complete_multipart_upload(**made, **upload, **of_the_end, **self.condition)
        except BaseException as error:
            self._abort(upload, error)
            raise

    def _abort(self, upload: dict[str, str], first: BaseException) -> None:
        """Take back what was sent, so that it is not paid for; what stopped the upload is what is told."""
        try:
            self.client.abort_multipart_upload(**upload, **self._of("AbortMultipartUpload", self.options))
        except self.client.exceptions.NoSuchUpload:
            pass  # nothing is left
        except Exception as error:  # noqa: BLE001 - whatever it is, the first error counts
            first.add_note(f"Its parts could not be taken back either ({error}); a lifecycle rule of the bucket can")

    def _of(self, operation: str, options: dict[str, Any]) -> dict[str, Any]:
        known = self._known(operation)
        return {name: value for name, value in options.items() if name in known}

    def _known(self, operation: str) -> set[str]:
        return set(self.client.meta.service_model.operation_model(operation).input_shape.members)

    def _refuse_unknown(self, operations: tuple[str, ...]) -> None:
        known = set().union(*(self._known(operation) for operation in operations))
        for name in self.options:
            # the checksum or length of the whole would be held against each part
            of_the_whole = name in ("ContentMD5", "ContentLength") or name.startswith("Checksum")
            if name not in known or (of_the_whole and name not in ("ChecksumAlgorithm", "ChecksumType")):
                raise ValueError(f"{name} cannot be given for an object that is written in parts")


class Copy(Upload):
    """A copy inside the store: in one request up to 5 GiB, in parts of 512 MiB above.

    Args:
        client: The SDK's client.
        source: What is copied, as it was seen: if it changes meanwhile, the copy fails.
        bucket: Where to.
        key: Where to.
        options: As of `Upload`.
        condition: As of `Upload`.
        single_bytes: Up to this size in one request.
        part_bytes: Bytes of a part.
    """

    def __init__(  # noqa: PLR0913 - one call of the API in many
        self,
        client: Any,  # noqa: ANN401 - boto3's
        source: S3Object,
        bucket: str,
        key: str,
        options: dict[str, Any],
        condition: dict[str, str],
        *,
        single_bytes: int = _SINGLE_COPY_BYTES,
        part_bytes: int = _COPY_PART_BYTES,
    ) -> None:
        super().__init__(client, bucket, key, options, condition)
        self.source, self.single_bytes = source, single_bytes
        self.part_bytes = max(part_bytes, -(-source.size // _MOST_PARTS))
        self.place = {"Bucket": source.bucket, "Key": source.key}
        self.origin: dict[str, Any] = {"CopySource": self.place}
        if source.etag:  # there are stores that give none
            self.origin["CopySourceIfMatch"] = source.etag

    def run(self) -> None:
        """Copy it."""
        in_one = self.source.size <= self.single_bytes
        changes = any(name in self.options for name in _METADATA)
        if changes or not in_one:
            self.options = self._metadata() | self.options
        if in_one:
            # CopyObject passes over new metadata and tags unless it is told that they replace the source's.
            directives = {"MetadataDirective": "REPLACE"} if changes else {}
            directives |= {"TaggingDirective": "REPLACE"} if "Tagging" in self.options else {}
            self.client.copy_object(**self.names, **self.origin, **directives, **self.options, **self.condition)
            return
        if "Tagging" not in self.options:
            self.options |= self._tags()
        with self.in_parts("UploadPartCopy") as add:
            for number, start in enumerate(range(0, self.source.size, self.part_bytes), start=1):
                last = min(start + self.part_bytes, self.source.size) - 1
                add(number, "upload_part_copy", {"CopySourceRange": f"bytes={start}-{last}", **self.origin})

    def _metadata(self) -> dict[str, Any]:
        found = self.client.head_object(**self.place)
        return {name: found[name] for name in _METADATA if found.get(name)}

    def _tags(self) -> dict[str, str]:
        tags = self.client.get_object_tagging(**self.place)["TagSet"]
        return {"Tagging": urlencode({each["Key"]: each["Value"] for each in tags})} if tags else {}


def _part_size(number: int) -> int:
    """Bytes of the part of this number: 8 MiB at first, twice as much after each thousand; the sum exceeds 5 TiB."""
    return _PART_BYTES << (number // 1000)
