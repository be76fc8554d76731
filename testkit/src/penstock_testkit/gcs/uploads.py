"""Uploads of the fake of Cloud Storage: at once, with metadata, and resumable.

Source: https://cloud.google.com/storage/docs/performing-resumable-uploads and /resumable-uploads:
308 with ``Range`` tells what is persisted; all chunks but the last are multiples of 256 KiB; a finished upload answers
with its object again; DELETE cancels with 499. A body that breaks off is persisted in multiples of 256 KiB.
"""

import email
import json
import re
from typing import Any

from penstock_testkit.gcs.refusals import CONDITIONS, RefusedError, check_conditions
from penstock_testkit.gcs.state import StoredObject, UploadSession
from penstock_testkit.saas import HttpAnswer, HttpRequest, NotFakedError, RouteTable

uploads = RouteTable(query=("uploadType", "alt", "prettyPrint", "projection", "userProject"))

_QUANTUM = 256 * 1024
_FIELDS = {
    "name",
    "contentType",
    "contentEncoding",
    "cacheControl",
    "contentDisposition",
    "metadata",
    "crc32c",
    "md5Hash",
}
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@uploads.route("POST /upload/storage/v1/b/{bucket}/o", query=("name", *CONDITIONS))
def begin(fake: Any, request: HttpRequest, bucket: str) -> HttpAnswer:  # noqa: ANN401 - the app that this is a part of
    """Store an object, or begin to; raises NotFakedError for what is not covered."""
    found = fake.bucket_of(bucket)
    kind, query = request.query["uploadType"], request.query
    fields, content = _parts(request, kind)
    if unknown := fields.keys() - _FIELDS:
        raise NotFakedError(f"fields {unknown} of an object")
    name = fields.pop("name", None) or query.get("name", "")
    conditions = {each: query[each] for each in CONDITIONS if each in query}
    check_conditions(conditions, found.objects.get(name))
    if kind != "resumable":
        return HttpAnswer.json(_finish(fake, UploadSession(bucket, name, fields, conditions), content).resource)
    fields.setdefault("contentType", request.header("X-Upload-Content-Type") or "application/octet-stream")
    number = f"upload-{next(fake.numbers)}"
    fake.sessions[number] = UploadSession(bucket, name, fields, conditions)
    place = f"https://{request.host}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={number}"
    return HttpAnswer(200, {"Location": place, "X-GUploader-UploadID": number})


def _parts(request: HttpRequest, kind: str) -> tuple[dict[str, Any], bytes]:
    if kind == "media":
        return {"contentType": request.header("Content-Type")}, request.body
    if kind == "resumable":
        return dict(request.fields), b""
    head = f"Content-Type: {request.header('Content-Type')}\r\n\r\n".encode()
    message = email.message_from_bytes(head + request.body)
    boundary = b"--" + str(message.get_boundary()).encode()
    first, second = request.body.split(boundary)[1:3]
    fields = json.loads(first.partition(b"\r\n\r\n")[2])
    headers, _, content = second.partition(b"\r\n\r\n")
    kinds = re.search(rb"content-type: *([^\r\n]+)", headers, re.IGNORECASE)
    fields.setdefault("contentType", kinds[1].decode() if kinds else "application/octet-stream")
    return fields, content.removesuffix(b"\r\n")


@uploads.route("PUT /upload/storage/v1/b/{bucket}/o", query=("upload_id",), partial=True)
def go_on(fake: Any, request: HttpRequest, bucket: str) -> HttpAnswer:  # noqa: ANN401
    """Take a chunk, finish, or tell how far it is; raises NotFakedError for what is not covered."""
    del bucket
    session = _session(fake, request)
    if session.done is not None:
        return HttpAnswer.json(session.done.resource)
    match = _RANGE.fullmatch(request.header("Content-Range"))
    if match is None:
        raise NotFakedError("an upload without a Content-Range")
    total = None if match[3] == "*" else int(match[3])
    if match[1] is not None:
        _take(session, request, int(match[1]), int(match[2]), total)
    if total is not None and len(session.received) == total and request.complete:
        _check_hash(request, bytes(session.received))
        session.done = _finish(fake, session, bytes(session.received))
        return HttpAnswer.json(session.done.resource)
    persisted = len(session.received)
    return HttpAnswer(308, {"Range": f"bytes=0-{persisted - 1}"} if persisted else {})


def _take(session: UploadSession, request: HttpRequest, first: int, last: int, total: int | None) -> None:
    held = len(session.received)
    if first > held:
        raise RefusedError(503, f"Invalid request: the range begins at {first} and {held} bytes are persisted")
    is_last = total is not None and last + 1 == total
    if not is_last and (last + 1 - first) % _QUANTUM:
        raise RefusedError(400, f"Invalid request: a chunk that is not the last has {last + 1 - first} bytes")
    body = request.body
    if not request.complete:
        body = body[: (first + len(body)) // _QUANTUM * _QUANTUM - first]
    elif len(body) != last + 1 - first:
        raise RefusedError(400, f"Invalid request: {len(body)} bytes in a range of {last + 1 - first}")
    session.received += body[held - first :]


@uploads.route("DELETE /upload/storage/v1/b/{bucket}/o", query=("upload_id",))
def cancel(fake: Any, request: HttpRequest, bucket: str) -> HttpAnswer:  # noqa: ANN401
    """Give an upload up."""
    del bucket
    _session(fake, request)
    del fake.sessions[request.query["upload_id"]]
    return HttpAnswer(499)


def _session(fake: Any, request: HttpRequest) -> UploadSession:  # noqa: ANN401
    found: UploadSession | None = fake.sessions.get(request.query["upload_id"])
    if found is None:
        raise RefusedError(410, "The upload session is gone.")
    return found


def _finish(fake: Any, session: UploadSession, content: bytes) -> StoredObject:  # noqa: ANN401
    check_conditions(session.conditions, fake.bucket_of(session.bucket).objects.get(session.name))
    expected = session.fields.pop("crc32c", None)
    session.fields.pop("md5Hash", None)
    made = StoredObject(session.bucket, session.name, content, 0)
    if expected not in (None, made.crc32c):
        raise RefusedError(400, f'Provided CRC32C "{expected}" doesn\'t match calculated CRC32C "{made.crc32c}".')
    stored: StoredObject = fake.store(session.bucket, session.name, content, session.fields)
    return stored


def _check_hash(request: HttpRequest, content: bytes) -> None:
    for each in request.header("X-Goog-Hash").split(","):
        kind, _, expected = each.strip().partition("=")
        found = StoredObject("", "", content, 0).crc32c
        if kind == "crc32c" and expected != found:
            raise RefusedError(400, f'Provided CRC32C "{expected}" doesn\'t match calculated CRC32C "{found}".')
