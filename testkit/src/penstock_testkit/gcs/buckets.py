"""Buckets of the fake of Cloud Storage (resource "Buckets" of its JSON API)."""

from typing import Any

from penstock_testkit.gcs.refusals import RefusedError
from penstock_testkit.gcs.state import Bucket
from penstock_testkit.saas import HttpAnswer, HttpRequest, RouteTable

buckets = RouteTable(query=("alt", "prettyPrint", "projection", "userProject"))


@buckets.route("POST /storage/v1/b", query=("project",), fields=("name", "location", "storageClass"))
def insert(fake: Any, request: HttpRequest) -> HttpAnswer:  # noqa: ANN401 - the app that this is a part of
    """Create one; raises RefusedError."""
    if not request.query.get("project"):
        raise RefusedError(400, "Required parameter: project", "required")
    fields = dict(request.fields)
    name = fields["name"]
    if name in fake.buckets:
        raise RefusedError(409, "Your previous request to create the named bucket succeeded and you already own it.")
    fake.buckets[name] = Bucket(name, fields)
    return HttpAnswer.json(fake.buckets[name].resource)


@buckets.route("GET /storage/v1/b", query=("project", "maxResults"))
def listed(fake: Any, request: HttpRequest) -> HttpAnswer:  # noqa: ANN401
    """List them, as far as one page goes; raises RefusedError."""
    if not request.query.get("project"):
        raise RefusedError(400, "Required parameter: project", "required")
    most = int(request.query.get("maxResults", "1000"))
    found = [each.resource for _, each in sorted(fake.buckets.items())]
    return HttpAnswer.json({"kind": "storage#buckets", "items": found[:most]})


@buckets.route("GET /storage/v1/b/{bucket}", query=("fields",))
def get(fake: Any, request: HttpRequest, bucket: str) -> HttpAnswer:  # noqa: ANN401
    """Show one."""
    del request
    return HttpAnswer.json(fake.bucket_of(bucket).resource)


@buckets.route("DELETE /storage/v1/b/{bucket}")
def delete(fake: Any, request: HttpRequest, bucket: str) -> HttpAnswer:  # noqa: ANN401
    """Delete one that is empty; raises RefusedError."""
    del request
    if fake.bucket_of(bucket).objects:
        raise RefusedError(409, "The bucket you tried to delete is not empty.")
    del fake.buckets[bucket]
    return HttpAnswer(204)


@buckets.route("GET /storage/v1/b/{bucket}/iam/testPermissions", query=("permissions",))
def permissions(fake: Any, request: HttpRequest, bucket: str) -> HttpAnswer:  # noqa: ANN401
    """Say that the caller has the permission that it asks about."""
    fake.bucket_of(bucket)
    asked = request.query["permissions"]
    return HttpAnswer.json({"kind": "storage#testIamPermissionsResponse", "permissions": [asked]})
