"""Objects in parts: uploads of streams and copies of what is too large for one request.

Limits are those of the page "Amazon S3 multipart upload limits": 10,000 parts of 5 MiB to 5 GiB each.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

_PART_BYTES = 8 * 1024**2
_MOST_PARTS = 10_000
_COPY_PART_BYTES = 512 * 1024**2


def upload_stream(client: Any, bucket: str, key: str, stream: BinaryIO, *, replace: bool) -> bool:  # noqa: ANN401 - boto3's
    """Store a stream of unknown length; parts grow with the stream, so that any length up to the limit fits.

    Returns:
        False if the object was there and ``replace`` is off; nothing is left behind then, nor after a failure.
    """
    absent = {} if replace else {"IfNoneMatch": "*"}
    first = _read(stream, _PART_BYTES)
    try:
        if len(first) < _PART_BYTES:
            client.put_object(Bucket=bucket, Key=key, Body=first, **absent)
            return True
        with _multipart(client, bucket, key, absent) as add:
            number, part = 1, first
            while part:
                add(number, lambda part=part, **names: client.upload_part(Body=part, **names)["ETag"])
                number += 1
                part = _read(stream, _part_size(number))
    except client.exceptions.ClientError as error:
        if not replace and error.response["Error"]["Code"] in ("PreconditionFailed", "412"):
            return False
        raise
    return True


def copy_in_parts(  # noqa: PLR0913 - one call of the API in many
    client: Any,  # noqa: ANN401 - boto3's
    source: dict[str, str],
    size: int,
    bucket: str,
    key: str,
    *,
    pinned: dict[str, str],
    absent: dict[str, str],
    part_bytes: int = _COPY_PART_BYTES,
) -> None:
    """Copy an object of ``size`` bytes by ranges, each under the condition ``pinned`` on the source."""
    part_bytes = max(part_bytes, -(-size // _MOST_PARTS))
    with _multipart(client, bucket, key, absent) as add:
        for number, start in enumerate(range(0, size, part_bytes), start=1):
            last = min(start + part_bytes, size) - 1

            def copy(span: str = f"bytes={start}-{last}", **names: Any) -> str:  # noqa: ANN401 - the API's
                answer = client.upload_part_copy(CopySource=source, CopySourceRange=span, **pinned, **names)
                return str(answer["CopyPartResult"]["ETag"])

            add(number, copy)


@contextmanager
def _multipart(
    client: Any,  # noqa: ANN401 - boto3's
    bucket: str,
    key: str,
    absent: dict[str, str],
) -> Iterator[Callable[[int, Callable[..., str]], None]]:
    """An upload in parts that is completed at the end, or aborted, so that no part is left to be paid for."""
    names = {"Bucket": bucket, "Key": key}
    upload = names | {"UploadId": client.create_multipart_upload(**names)["UploadId"]}
    parts: list[dict[str, Any]] = []
    try:
        yield lambda number, send: parts.append({"PartNumber": number, "ETag": send(PartNumber=number, **upload)})
        client.complete_multipart_upload(MultipartUpload={"Parts": parts}, **upload, **absent)
    except BaseException:
        client.abort_multipart_upload(**upload)
        raise


def _part_size(number: int) -> int:
    """Bytes of the part of this number: 8 MiB at first, twice as much after each thousand; the sum exceeds 5 TiB."""
    return _PART_BYTES << (number // 1000)


def _read(stream: BinaryIO, size: int) -> bytes:
    """Exactly ``size`` bytes unless the stream ends before; a raw stream may give less at a time."""
    held = io.BytesIO()
    while held.tell() < size:
        piece = stream.read(size - held.tell())
        if not piece:
            break
        held.write(piece)
    return held.getvalue()
