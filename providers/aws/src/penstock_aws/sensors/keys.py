"""Sensors of S3: they wait for keys."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from penstock import Sensor
from penstock.errors import FailTask
from penstock.spec.objects.unchanged_objects import UnchangedObjects
from penstock_aws.hooks import S3Hook, S3Object
from penstock_aws.hooks.glob import is_glob


class S3KeySensor(Sensor):
    """Waits until there is an object for every key or pattern.

    A plain key costs one HEAD a poke. A pattern is listed from its longest literal prefix, passes over folders that
    cannot match, and stops at the first match.

    Args:
        bucket_key: Key, pattern or ``s3://`` URL of either, or a list of them, all of which must be found. In
            a pattern, ``*`` and ``?`` stop at ``/``, ``**`` crosses it, ``[ab]`` is one character or ``[ab]`` itself;
            ``[*]`` is a star.
        bucket_name: The bucket, unless ``bucket_key`` is a URL.
        wildcard_match: Whether keys may be patterns, as they may unless told; off, they are taken literally.
        min_size: An object counts only if it has at least so many bytes.
        check_fn: An object counts only if this function of its `penstock_aws.hooks.S3Object` says so.
        in_order: The keys appear in the order of their names (as with dates in them) and what was seen once need not be
            looked at again: each poke goes on where the one before it ended.
        aws_conn_id: The connection.
        **kwargs: What every sensor takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("bucket_key", "bucket_name")

    def __init__(
        self,
        *,
        bucket_key: str | list[str],
        bucket_name: str = "",
        wildcard_match: bool = True,
        min_size: int = 0,
        check_fn: Callable[[S3Object], bool] | None = None,
        in_order: bool = False,
        aws_conn_id: str = "aws_default",
        **kwargs: Any,  # noqa: ANN401 - a sensor's own
    ) -> None:
        super().__init__(**kwargs)
        self.bucket_key, self.bucket_name, self.wildcard_match = bucket_key, bucket_name, wildcard_match
        self.min_size, self.check_fn, self.in_order, self.aws_conn_id = min_size, check_fn, in_order, aws_conn_id
        self._cursors: dict[str, str] = {}
        self._found: set[str] = set()

    def poke(self, context: Any) -> bool:  # noqa: ANN401, ARG002 - the spec's signature; the poke is the same in every run
        """Look once."""
        hook = S3Hook(self.aws_conn_id)
        return all(self._is_there(hook, key) for key in _listed("bucket_key", self.bucket_key))

    def _is_there(self, hook: S3Hook, key: str) -> bool:
        if not (self.wildcard_match and is_glob(key)):
            found = hook.head(key, self.bucket_name)
            return found is not None and self._counts(found)
        if self.in_order and key in self._found:
            return True
        for each in hook.glob(key, self.bucket_name, start_after=self._cursors.get(key, "")):
            if self._counts(each):
                self._found.add(key)
                return True
            if self.in_order:
                self._cursors[key] = each.key
        return False

    def _counts(self, found: S3Object) -> bool:
        return found.size >= self.min_size and (self.check_fn is None or bool(self.check_fn(found)))


class S3PrefixSensor(Sensor):
    """Waits until some key begins with every prefix; one LIST of one key a poke and prefix.

    Args:
        prefix: Prefix or ``s3://`` URL of one, or a list of them. It is any beginning, not only a folder; a URL of
            the bucket alone waits for any key.
        bucket_name: The bucket, unless ``prefix`` is a URL.
        aws_conn_id: The connection.
        **kwargs: What every sensor takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("prefix", "bucket_name")

    def __init__(
        self,
        *,
        prefix: str | list[str],
        bucket_name: str = "",
        aws_conn_id: str = "aws_default",
        **kwargs: Any,  # noqa: ANN401 - a sensor's own
    ) -> None:
        super().__init__(**kwargs)
        self.prefix, self.bucket_name, self.aws_conn_id = prefix, bucket_name, aws_conn_id

    def poke(self, context: Any) -> bool:  # noqa: ANN401, ARG002 - the spec's signature
        """Look once."""
        hook = S3Hook(self.aws_conn_id)
        return all(
            next(hook.list_objects(*hook.parse_prefix(each, self.bucket_name), page_size=1), None) is not None
            for each in _listed("prefix", self.prefix)
        )


class S3KeysUnchangedSensor(Sensor):
    """Waits until the objects under a prefix have not changed for a while: an upload of unknown length is complete.

    The time is measured from the newest object's own time of change, so that the wait survives a restart of whoever waits.
    A million objects are listed by a thousand requests at each poke; their keys are not kept.

    Args:
        prefix: Prefix or ``s3://`` URL of one.
        bucket_name: The bucket, unless ``prefix`` is a URL.
        inactivity_period: How long nothing may have changed, as timedelta or seconds.
        min_objects: Fewer objects never count as complete; with 0, neither need there be any.
        allow_delete: Whether objects may vanish while it waits; if not, that fails the task.
        aws_conn_id: The connection.
        **kwargs: What every sensor takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("prefix", "bucket_name")

    def __init__(
        self,
        *,
        prefix: str,
        bucket_name: str = "",
        inactivity_period: timedelta | float = timedelta(hours=1),
        min_objects: int = 1,
        allow_delete: bool = True,
        aws_conn_id: str = "aws_default",
        **kwargs: Any,  # noqa: ANN401 - a sensor's own
    ) -> None:
        super().__init__(**kwargs)
        self.prefix, self.bucket_name, self.aws_conn_id = prefix, bucket_name, aws_conn_id
        self.inactivity_period, self.min_objects, self.allow_delete = inactivity_period, min_objects, allow_delete
        self._objects: UnchangedObjects | None = None

    def poke(self, context: Any) -> bool:  # noqa: ANN401, ARG002 - the spec's signature
        """Look once."""
        hook = S3Hook(self.aws_conn_id)
        listed = hook.list_objects(*hook.parse_prefix(self.prefix, self.bucket_name))
        found = ((each.key, each.last_modified) for each in listed)
        self._objects = self._objects or UnchangedObjects(
            self.inactivity_period, min_objects=self.min_objects, allow_delete=self.allow_delete
        )
        return self._objects.are_complete(found, datetime.now(UTC), self.prefix)


def _listed(name: str, wanted: str | list[str]) -> list[str]:
    """The one or many that are waited for; raises `penstock.errors.FailTask` if there is none, as after a template."""
    found = [wanted] if isinstance(wanted, str) else list(wanted)
    if not found:
        raise FailTask(f"{name} is an empty list: there is nothing to wait for. Give at least one")
    return found
