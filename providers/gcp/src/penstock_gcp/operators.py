"""Operators of Cloud Storage: thin tasks over `penstock_gcp.hooks.GCSHook`; each is safe to repeat."""

from collections.abc import Sequence
from typing import Any, ClassVar

from penstock import Operator
from penstock.errors import ErrorKind, FailTask, ProviderError
from penstock.spec.threads import at_once
from penstock_gcp.hooks import GCSHook

_AT_ONCE = 8  # requests; the SDK's pool keeps ten connections


class GCSCreateBucketOperator(Operator):
    """Creates a bucket; one that is there already is fine if it is ours.

    Args:
        bucket: Its name.
        location: Such as ``EU``; the service decides unless given.
        storage_class: Such as ``NEARLINE``; the service decides unless given.
        gcp_conn_id: The connection, which names the project.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("bucket", "location", "storage_class")

    def __init__(
        self,
        *,
        bucket: str,
        location: str = "",
        storage_class: str = "",
        gcp_conn_id: str = "gcp_default",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        self.bucket, self.location, self.storage_class, self.gcp_conn_id = bucket, location, storage_class, gcp_conn_id

    def execute(self, context: Any) -> None:  # noqa: ANN401, ARG002 - the spec's signature
        """Create it."""
        made = GCSHook(self.gcp_conn_id).create_bucket(
            self.bucket, location=self.location, storage_class=self.storage_class
        )
        print(f"bucket {self.bucket}: {'created' if made else 'was there already'}")  # noqa: T201 - the task's log


class GCSDeleteBucketOperator(Operator):
    """Deletes a bucket; one that is gone already is fine.

    Args:
        bucket: Its name.
        force: Whether its objects are deleted first; a bucket that holds objects is not deleted otherwise.
        gcp_conn_id: The connection.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("bucket",)

    def __init__(
        self,
        *,
        bucket: str,
        force: bool = False,
        gcp_conn_id: str = "gcp_default",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        self.bucket, self.force, self.gcp_conn_id = bucket, force, gcp_conn_id

    def execute(self, context: Any) -> None:  # noqa: ANN401, ARG002 - the spec's signature
        """Delete it."""
        GCSHook(self.gcp_conn_id).delete_bucket(self.bucket, force=self.force)


class GCSListObjectsOperator(Operator):
    """Lists names of objects, for the tasks downstream.

    Args:
        bucket: The bucket, unless ``prefix`` is a URL.
        prefix: Beginning of names, or a ``gs://`` URL of one.
        match_glob: Only names that match: ``*`` stops at ``/``, ``**`` crosses it.
        max_objects: More objects than this fail the task: a list is kept as a value, and values have to be small.
        gcp_conn_id: The connection.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("bucket", "prefix", "match_glob")

    def __init__(
        self,
        *,
        bucket: str = "",
        prefix: str = "",
        match_glob: str = "",
        max_objects: int = 10_000,
        gcp_conn_id: str = "gcp_default",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        self.bucket, self.prefix, self.match_glob = bucket, prefix, match_glob
        self.max_objects, self.gcp_conn_id = max_objects, gcp_conn_id

    def execute(self, context: Any) -> list[str]:  # noqa: ANN401, ARG002 - the spec's signature
        """The names, in order.

        Raises:
            ProviderError: The service could not be asked, or the answer is longer than may be kept.
        """
        found: list[str] = []
        for each in GCSHook(self.gcp_conn_id).list_objects(self.prefix, self.bucket, match_glob=self.match_glob):
            if len(found) == self.max_objects:
                raise ProviderError(
                    f"{self.prefix!r} has more than {self.max_objects} objects", service="gcs",
                    operation="ListObjects", kind=ErrorKind.INVALID, hint="Narrow the prefix or raise max_objects",
                )  # fmt: skip
            found.append(each.name)
        return found


class GCSDeleteObjectsOperator(Operator):
    """Deletes objects, by their names or by a prefix; those that are gone already are fine.

    Of what a prefix finds, that very content is deleted: an object that is written meanwhile stays, and fails the task.

    Args:
        objects: Names or ``gs://`` URLs; or give ``prefix``.
        prefix: Everything under this prefix or ``gs://`` URL of one. The whole of a bucket is not deleted by it.
        bucket: The bucket, unless URLs name it.
        gcp_conn_id: The connection.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("objects", "prefix", "bucket")

    def __init__(
        self,
        *,
        objects: str | list[str] | None = None,
        prefix: str = "",
        bucket: str = "",
        gcp_conn_id: str = "gcp_default",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        self.objects, self.prefix, self.bucket, self.gcp_conn_id = objects, prefix, bucket, gcp_conn_id

    def execute(self, context: Any) -> int:  # noqa: ANN401, ARG002 - the spec's signature
        """Delete them; how many there were. Raises FailTask if it is not said which."""
        if (self.objects is None) is not bool(self.prefix):
            raise FailTask("give either objects or a prefix that is not empty")
        hook = GCSHook(self.gcp_conn_id)
        if self.objects is not None:
            wanted = [self.objects] if isinstance(self.objects, str) else self.objects
            return sum(at_once(lambda each: hook.delete(each, self.bucket), wanted, _AT_ONCE))
        bucket, prefix = hook.parse(self.prefix, self.bucket)
        return hook.delete_all(prefix, bucket, parallel=_AT_ONCE)


class GCSToGCSOperator(Operator):
    """Copies an object inside Cloud Storage, of any size; a source that changes meanwhile fails the copy.

    Args:
        source: ``gs://`` URL of the object.
        destination: ``gs://`` URL of the copy.
        replace: Whether an object at the destination is replaced; if not, one that is there stays.
        move_object: Whether the source is deleted then, if it still has the content that was copied.
        gcp_conn_id: The connection.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("source", "destination")

    def __init__(
        self,
        *,
        source: str,
        destination: str,
        replace: bool = True,
        move_object: bool = False,
        gcp_conn_id: str = "gcp_default",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        self.source, self.destination, self.replace = source, destination, replace
        self.move_object, self.gcp_conn_id = move_object, gcp_conn_id

    def execute(self, context: Any) -> bool:  # noqa: ANN401, ARG002 - the spec's signature
        """Copy it; False if there was an object and it stays, or if an earlier try has moved it."""
        hook = GCSHook(self.gcp_conn_id)
        found = hook.head(self.source)
        if found is None and self.move_object and hook.head(self.destination) is not None:
            print(f"{self.source} is gone and {self.destination} is there: it was moved")  # noqa: T201 - the task's log
            return False
        generation = found.generation if found else None
        made = hook.copy(self.source, self.destination, replace=self.replace, source_generation=generation)
        if made and self.move_object:
            hook.delete(self.source, generation=generation)
        return made


class GCSSynchronizeBucketsOperator(Operator):
    """Makes what is under one prefix equal to what is under another; what is equal already is not copied.

    Two objects are equal if their size and CRC32C are. Both lists are read side by side, in constant memory.

    Args:
        source: ``gs://`` URL of a bucket or prefix.
        destination: ``gs://`` URL of a bucket or prefix.
        allow_overwrite: Whether an object that differs is replaced; if not, it stays.
        delete_extra_files: Whether objects are deleted that the source does not have.
        gcp_conn_id: The connection.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("source", "destination")

    def __init__(
        self,
        *,
        source: str,
        destination: str,
        allow_overwrite: bool = False,
        delete_extra_files: bool = False,
        gcp_conn_id: str = "gcp_default",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        self.source, self.destination = source, destination
        self.allow_overwrite, self.delete_extra_files = allow_overwrite, delete_extra_files
        self.gcp_conn_id = gcp_conn_id

    def execute(self, context: Any) -> dict[str, int]:  # noqa: ANN401, ARG002 - the spec's signature
        """Copy and delete; how many objects were copied, deleted, and left as they were."""
        return GCSHook(self.gcp_conn_id).sync(
            self.source, self.destination, replace=self.allow_overwrite, delete_extra=self.delete_extra_files
        )
