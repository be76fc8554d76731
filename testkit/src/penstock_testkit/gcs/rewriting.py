"""Copies inside the fake of Cloud Storage: rewrite and compose.

Sources: https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite and /compose, and
https://cloud.google.com/storage/docs/composite-objects (32 components at most, no MD5).
"""

from typing import Any

from penstock_testkit.gcs.refusals import (
    CONDITIONS,
    SOURCE_CONDITIONS,
    RefusedError,
    check_conditions,
    check_generation,
)
from penstock_testkit.saas import HttpAnswer, HttpRequest, RouteTable

copying = RouteTable(query=("alt", "prettyPrint", "projection", "userProject"))

_MOST_COMPONENTS = 32
_METADATA = ("contentType", "contentEncoding", "cacheControl", "contentDisposition", "metadata")


@copying.route(
    "POST /storage/v1/b/{bucket}/o/{name}/rewriteTo/b/{to_bucket}/o/{to_name}",
    query=("rewriteToken", "sourceGeneration", *CONDITIONS, *SOURCE_CONDITIONS),
    fields=(*_METADATA, "name", "bucket"),
)
def rewrite(fake: Any, request: HttpRequest, bucket: str, name: str, to_bucket: str, to_name: str) -> HttpAnswer:  # noqa: ANN401 - the app that this is a part of, and its path
    """Copy a part of an object; the last part makes the copy. A token is the number of bytes that are copied."""
    source = fake.object_of(bucket, name)
    check_generation(request.query.get("sourceGeneration"), source)
    named = {each.replace("ifSource", "if"): request.query[each] for each in SOURCE_CONDITIONS if each in request.query}
    check_conditions(named, source)
    check_conditions(request.query, fake.bucket_of(to_bucket).objects.get(to_name))
    size = len(source.content)
    copied = min(int(request.query.get("rewriteToken", "0")) + fake.rewrite_bytes, size)
    answer: dict[str, Any] = {
        "kind": "storage#rewriteResponse", "totalBytesRewritten": str(copied), "objectSize": str(size),
        "done": copied == size,
    }  # fmt: skip
    if copied < size:
        return HttpAnswer.json(answer | {"rewriteToken": str(copied)})
    changed = {key: value for key, value in request.fields.items() if key in _METADATA}
    made = fake.store(to_bucket, to_name, source.content, source.fields | changed, source.components)
    return HttpAnswer.json(answer | {"resource": made.resource})


@copying.route(
    "POST /storage/v1/b/{bucket}/o/{name}/compose",
    query=("ifGenerationMatch", "ifMetagenerationMatch"),
    fields=("sourceObjects", "destination", "kind"),
)
def compose(fake: Any, request: HttpRequest, bucket: str, name: str) -> HttpAnswer:  # noqa: ANN401
    """Put objects of one bucket together; raises RefusedError."""
    sources = request.fields["sourceObjects"]
    if not 1 <= len(sources) <= _MOST_COMPONENTS:
        raise RefusedError(
            400, f"The number of source components provided ({len(sources)}) exceeds the maximum ({_MOST_COMPONENTS})"
        )
    found = []
    for each in sources:
        source = fake.object_of(bucket, each["name"])
        check_generation(each.get("generation"), source)
        conditions = {key: str(value) for key, value in each.get("objectPreconditions", {}).items()}
        check_conditions(conditions, source)
        found.append(source)
    check_conditions(request.query, fake.bucket_of(bucket).objects.get(name))
    fields = {key: value for key, value in request.fields.get("destination", {}).items() if key in _METADATA}
    components = sum(each.components or 1 for each in found)
    made = fake.store(bucket, name, b"".join(each.content for each in found), fields, components)
    return HttpAnswer.json(made.resource)
