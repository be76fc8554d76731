"""Objects of the fake of Cloud Storage: reading, listing, deleting (resource "Objects" of its JSON API)."""

import re
from typing import Any

from penstock_testkit.gcs.refusals import CONDITIONS, RefusedError, check_conditions, check_generation
from penstock_testkit.gcs.state import StoredObject
from penstock_testkit.saas import HttpAnswer, HttpRequest, NotFakedError, RouteTable, ranged

objects = RouteTable(query=("alt", "prettyPrint", "projection", "userProject", "fields"))


@objects.route("GET /storage/v1/b/{bucket}/o/{name}", query=("generation", *CONDITIONS))
@objects.route("GET /download/storage/v1/b/{bucket}/o/{name}", query=("generation", *CONDITIONS))
def get(fake: Any, request: HttpRequest, bucket: str, name: str) -> HttpAnswer:  # noqa: ANN401 - the app that this is a part of
    """Show an object, or give its content (``alt=media``), of which a range may be asked."""
    media = request.query.get("alt") == "media"
    try:
        found = fake.object_of(bucket, name)
        check_generation(request.query.get("generation"), found)
        check_conditions(request.query, found)
    except RefusedError as error:
        if not media:
            raise
        return HttpAnswer.text(str(error), error.answer.status)  # plain words, where content was asked for
    return _media(request, found) if media else HttpAnswer.json(found.resource)


def _media(request: HttpRequest, found: StoredObject) -> HttpAnswer:
    encoding = found.fields.get("contentEncoding", "")
    if encoding == "gzip" and "gzip" not in request.header("Accept-Encoding"):
        raise NotFakedError("decompressive transcoding")
    headers = {
        "Content-Type": found.fields.get("contentType", "application/octet-stream"),
        "X-Goog-Generation": str(found.generation),
        "X-Goog-Metageneration": str(found.metageneration),
        "X-Goog-Hash": f"crc32c={found.crc32c}",
        "X-Goog-Stored-Content-Length": str(len(found.content)),
        "X-Goog-Stored-Content-Encoding": encoding or "identity",
    }
    return ranged(request, found.content, headers | ({"Content-Encoding": encoding} if encoding else {}))


@objects.route("DELETE /storage/v1/b/{bucket}/o/{name}", query=("generation", *CONDITIONS))
def delete(fake: Any, request: HttpRequest, bucket: str, name: str) -> HttpAnswer:  # noqa: ANN401
    """Delete an object."""
    found = fake.object_of(bucket, name)
    check_generation(request.query.get("generation"), found)
    check_conditions(request.query, found)
    del fake.buckets[bucket].objects[name]
    return HttpAnswer(204)


@objects.route(
    "GET /storage/v1/b/{bucket}/o",
    query=("prefix", "delimiter", "startOffset", "endOffset", "maxResults", "pageToken", "matchGlob"),
)
def listed(fake: Any, request: HttpRequest, bucket: str) -> HttpAnswer:  # noqa: ANN401
    """List objects in the order of their names, page by page; the next page's token is the last name of this one."""
    query = request.query
    most = min(int(query.get("maxResults", fake.page_size)), fake.page_size)
    items: list[dict[str, Any]] = []
    prefixes: list[str] = []
    last, more = "", False
    for name, found in sorted(fake.bucket_of(bucket).objects.items(), key=lambda each: each[0].encode()):
        if not _is_meant(name, query):
            continue
        prefix = _prefix(name, query)
        if (prefix or name) <= query.get("pageToken", "") or prefix in prefixes:
            continue
        if len(items) + len(prefixes) == most:
            more = True
            break
        if prefix:
            prefixes.append(prefix)
        else:
            items.append(_masked(found.resource, query.get("fields", "")))
        last = prefix or name
    answer: dict[str, Any] = {"kind": "storage#objects"}
    answer |= {"items": items} if items else {}
    answer |= {"prefixes": prefixes} if prefixes else {}
    return HttpAnswer.json(answer | ({"nextPageToken": last} if more else {}))


def _is_meant(name: str, query: dict[str, str]) -> bool:
    return (
        name.startswith(query.get("prefix", ""))
        and name >= query.get("startOffset", "")
        and ("endOffset" not in query or name < query["endOffset"])
        and ("matchGlob" not in query or _glob(query["matchGlob"]).fullmatch(name) is not None)
    )


def _prefix(name: str, query: dict[str, str]) -> str:
    """What stands for all names that share a folder; "" for a name that is listed itself."""
    delimiter, begin = query.get("delimiter", ""), len(query.get("prefix", ""))
    end = name.find(delimiter, begin) if delimiter else -1
    return "" if end < 0 else name[: end + len(delimiter)]


def _glob(pattern: str) -> re.Pattern[str]:
    """The service's globs (page "List objects", "Filter results by using glob"), without classes and alternatives."""
    if any(each in pattern for each in "[]{}\\"):
        raise NotFakedError(f"the glob {pattern}")
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    found = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return re.compile("".join(parts.get(each, re.escape(each)) for each in found), re.DOTALL)


def _masked(resource: dict[str, Any], fields: str) -> dict[str, Any]:
    """The fields of an item that a mask such as ``items(name,size),nextPageToken`` asks for."""
    match = re.search(r"items\(([\w,]*)\)", fields)
    return {key: value for key, value in resource.items() if match is None or key in match[1].split(",")}
