"""The copying half of the hook of Cloud Storage: the service copies, and nothing passes through here.

Sources: https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite (calls until ``done``, each with the token of the one
before) and /compose (32 sources at most). Airflow's synchronisation timed out on large objects for it copied by one call
(apache/airflow#27488).
"""

from collections.abc import Callable, Sequence
from typing import Any

from penstock.errors import ErrorKind, ProviderError
from penstock_gcp.hooks.checksum import joined
from penstock_gcp.hooks.reading import GCSObject
from penstock_gcp.hooks.writing import GCSWriting

MOST_SOURCES = 32


class GCSCopying(GCSWriting):
    """What the hook copies; every method raises `penstock.errors.ProviderError` with the kind of the failure."""

    def copy(
        self,
        source: str,
        destination: str,
        *,
        replace: bool = True,
        generation: int | None = None,
        source_generation: int | None = None,
    ) -> bool:
        """Copy an object of any size with its metadata; a source that changes meanwhile fails the copy.

        Args:
            source: ``gs://`` URL of the object.
            destination: URL of the copy.
            replace: Whether an object at the destination is replaced.
            generation: What must be at the destination; what is there now unless given.
            source_generation: Which content of the source; the one that is there now unless given.

        Returns:
            False if there was an object and ``replace`` is off; nothing changed then.
        """
        (from_bucket, from_name), (bucket, name) = self.parse(source), self.parse(destination)
        found = self.head(from_name, from_bucket, generation=source_generation)
        if found is None:
            raise ProviderError(
                f"{source}: there is no such object", service="gcs", operation="RewriteObject", kind=ErrorKind.NOT_FOUND
            )
        expected = self._expected(bucket, name, generation) if replace else 0
        try:
            self._rewrite(found, bucket, name, expected)
        except ProviderError as error:
            if replace or error.http_status != 412:
                raise
            return False
        return True

    def _rewrite(self, source: GCSObject, bucket: str, name: str, expected: int) -> None:
        origin = self._blob(source.bucket, source.name)
        copy = self._blob(bucket, name)
        token: str | None = None
        while True:

            def ask(given: str | None = token) -> tuple[str | None, int, int]:
                found: tuple[str | None, int, int] = copy.rewrite(
                    origin, token=given, if_generation_match=expected, if_source_generation_match=source.generation,
                    timeout=self.timeout, retry=None,
                )  # fmt: skip
                return found

            answer = self._once_made("RewriteObject", ask, bucket, name, source.crc32c)
            if answer is None or answer[0] is None:
                return
            token = answer[0]

    def compose(self, sources: Sequence[str], destination: str, *, generation: int | None = None) -> None:
        """Put objects of one bucket together, in their order; more than 32 by parts, which are deleted then.

        Args:
            sources: ``gs://`` URLs; they stay.
            destination: URL in the same bucket; it may be one of the sources.
            generation: What must be at the destination; what is there now unless given.

        Raises:
            ValueError: There is no source, or one in another bucket.
        """
        bucket, name = self.parse(destination)
        names = [self.parse(each) for each in sources]
        if not names or any(each[0] != bucket for each in names):
            raise ValueError(f"compose() takes at least one source, and all of them in the bucket {bucket}")
        expected = self._expected(bucket, name, generation)
        parts: list[GCSObject] = []
        left = [self._there(bucket, each) for _, each in names]
        try:
            while len(left) > MOST_SOURCES:
                made = []
                for begin in range(0, len(left), MOST_SOURCES):
                    part = f"{name}.part-{expected}-{len(parts)}"
                    there = self._expected(bucket, part, None)
                    made.append(self._compose(bucket, left[begin : begin + MOST_SOURCES], part, there))
                    parts.append(made[-1])
                left = made
            self._compose(bucket, left, name, expected)
        finally:
            for each in parts:
                self.delete(each.name, bucket, generation=each.generation)

    def _compose(
        self, bucket: str, sources: list[GCSObject], name: str, expected: int, content_type: str = ""
    ) -> GCSObject:
        """Compose up to 32 objects, and hold the result against their checksums."""
        blob = self._blob(bucket, name)
        if content_type:
            blob.content_type = content_type
        origins = [self._blob(bucket, each.name) for each in sources]
        generations = [each.generation for each in sources]
        whole = sources[0].crc32c
        for each in sources[1:]:
            whole = joined(whole, each.crc32c, each.size)

        def ask() -> None:
            blob.compose(
                origins, if_generation_match=expected, if_source_generation_match=generations,
                timeout=self.timeout, retry=None,
            )  # fmt: skip

        self._once_made("ComposeObject", ask, bucket, name, whole)
        made = self._there(bucket, name)
        if made.crc32c != whole:
            raise ProviderError(
                f"{made.url}: its CRC32C is {made.crc32c}, and {whole} that of its parts: another has written it meanwhile",
                service="gcs", operation="ComposeObject", kind=ErrorKind.CONFLICT,
            )  # fmt: skip
        return made

    def _there(self, bucket: str, name: str, operation: str = "ComposeObject") -> GCSObject:
        found = self.head(name, bucket)
        if found is None:
            raise ProviderError(
                f"gs://{bucket}/{name}: there is no such object", service="gcs", operation=operation,
                kind=ErrorKind.NOT_FOUND,
            )  # fmt: skip
        return found

    def delete(self, name: str, bucket: str = "", *, generation: int | None = None) -> bool:
        """Delete an object; False if there is none.

        Args:
            name: Name or ``gs://`` URL.
            bucket: The bucket, unless ``name`` is a URL.
            generation: Which content; the one that is there now unless given. One that was written since stays, and that is a
                ``conflict``.
        """
        bucket, name = self.parse(name, bucket)
        if generation is None:
            found = self.head(name, bucket)
            if found is None:
                return False
            generation = found.generation
        blob, expected = self._blob(bucket, name), generation
        try:
            self.call(
                "DeleteObject",
                lambda: blob.delete(if_generation_match=expected, timeout=self.timeout, retry=None),
                f"gs://{bucket}/{name}",
            )
        except ProviderError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise
            return False
        return True

    def _once_made(self, operation: str, ask: Callable[[], Any], bucket: str, name: str, crc32c: str) -> Any:  # noqa: ANN401 - what the SDK returns
        """Make a call that changes an object; None if an attempt whose answer was lost has made it.

        A precondition fails the repetition of a call that has had its effect: what is there then has the content that was to be.
        """
        unsure = False

        def attempt() -> Any:  # noqa: ANN401
            nonlocal unsure
            try:
                with self.errors(operation, f"gs://{bucket}/{name}"):
                    return ask()
            except ProviderError as error:
                if error.http_status == 412 and unsure:
                    found = self.head(name, bucket)
                    if found is not None and crc32c and found.crc32c == crc32c:
                        return None
                unsure = unsure or error.http_status is None or error.http_status >= 500
                raise

        return self.call(operation, attempt, f"gs://{bucket}/{name}")
