"""A strict fake of the JSON API of Google Cloud Storage, for the official client.

Shapes: https://cloud.google.com/storage/docs/json_api/v1 (resources "Buckets" and "Objects"), and what
google-cloud-storage 3.17 sends and reads.
Not covered: preconditions with "Not", versions and soft delete, ACLs and IAM policies, KMS, notifications, batches, the XML API, gRPC.
"""

import itertools
import time
from collections.abc import Callable
from typing import Any

from penstock_testkit.gcs.buckets import buckets
from penstock_testkit.gcs.refusals import RefusedError, refusal
from penstock_testkit.gcs.rewriting import copying
from penstock_testkit.gcs.state import Bucket, StoredObject, UploadSession
from penstock_testkit.gcs.stored_objects import objects
from penstock_testkit.gcs.tokens import GoogleTokens
from penstock_testkit.gcs.uploads import uploads
from penstock_testkit.saas import App, HttpAnswer, HttpRequest

_WORDS = {401: "Invalid Credentials", 429: "The rate of change requests to the object exceeds the rate limit."}


class Gcs(App):
    """Cloud Storage.

    Args:
        tokens: Who issues the tokens that are let in; without, everybody is.
        page_size: The most objects of one list; 1000 is the service's.
        rewrite_bytes: How much one call of a rewrite copies.
        clock_us: Microseconds of the service's clock.

    Attributes:
        buckets: By name.
        sessions: Resumable uploads by their ids.
        listeners: Who is told of each new content.
    """

    name = "gcs"
    hosts = ("storage.googleapis.com",)
    tables = (uploads, copying, objects, buckets)

    def __init__(
        self,
        tokens: GoogleTokens | None = None,
        *,
        page_size: int = 1000,
        rewrite_bytes: int = 1 << 30,
        clock_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        super().__init__()
        self.tokens, self.page_size, self.rewrite_bytes = tokens, page_size, rewrite_bytes
        self.buckets: dict[str, Bucket] = {}
        self.sessions: dict[str, UploadSession] = {}
        self.listeners: list[Callable[[StoredObject], None]] = []
        self.numbers = itertools.count(1)
        self._clock_us, self._last = clock_us, 0

    def refusal(self, request: HttpRequest, status: int) -> HttpAnswer:
        """A refusal in the service's words."""
        del request
        return refusal(status, _WORDS.get(status, "We encountered an internal error. Please try again."))

    def handle(self, request: HttpRequest) -> HttpAnswer:
        """Let in who has a token, and answer."""
        try:
            self._let_in(request)
            return super().handle(request)
        except RefusedError as error:
            return error.answer

    def create_bucket(self, name: str, *, public: bool = False) -> Bucket:
        """A new, empty bucket."""
        self.buckets[name] = Bucket(name, public=public)
        return self.buckets[name]

    def put(self, url: str, content: bytes | str) -> StoredObject:
        """Store an object, as somebody else does."""
        bucket, _, name = url.removeprefix("gs://").partition("/")
        return self.store(bucket, name, content.encode() if isinstance(content, str) else content, {})

    def content(self, url: str) -> bytes:
        """The bytes of an object."""
        bucket, _, name = url.removeprefix("gs://").partition("/")
        return self.buckets[bucket].objects[name].content

    def bucket_of(self, name: str) -> Bucket:
        """The bucket; raises RefusedError (404) if there is none."""
        if name not in self.buckets:
            raise RefusedError(404, "The specified bucket does not exist.")
        return self.buckets[name]

    def object_of(self, bucket: str, name: str) -> StoredObject:
        """The object; raises RefusedError (404) if there is none."""
        found = self.bucket_of(bucket).objects.get(name)
        if found is None:
            raise RefusedError(404, f"No such object: {bucket}/{name}")
        return found

    def store(
        self, bucket: str, name: str, content: bytes, fields: dict[str, Any], components: int | None = None
    ) -> StoredObject:
        """Make an object's content this one, as a new generation."""
        self._last = max(self._last + 1, self._clock_us())
        made = StoredObject(bucket, name, content, self._last, fields, components=components)
        self.bucket_of(bucket).objects[name] = made
        for listen in self.listeners:
            listen(made)
        return made

    def _let_in(self, request: HttpRequest) -> None:
        if self.tokens is None or "upload_id" in request.query:  # the URI of an upload is a credential in itself
            return
        token = request.header("Authorization").removeprefix("Bearer ")
        if not token:
            path = request.path.split("/")
            name = path[path.index("b") + 1] if "b" in path[:-1] else ""
            found = self.buckets.get(name)
            if request.method != "GET" or found is None or not found.public:
                raise RefusedError(401, "Anonymous caller does not have storage.objects.get access.", "required")
        elif not self.tokens.is_live(token):
            raise RefusedError(401, "Invalid Credentials")
