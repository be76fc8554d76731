"""Sensors of Cloud Storage: they wait for objects."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from penstock import Sensor
from penstock.errors import FailTask
from penstock.spec.objects.unchanged_objects import UnchangedObjects
from penstock_gcp.hooks import GCSHook
from penstock_gcp.hooks.reading import literal_prefix
from penstock_gcp.sensors.notified import NotifiedSensor


class GCSObjectExistenceSensor(NotifiedSensor):
    """Waits until there is every object that is named; one request a poke and object.

    Args:
        object_name: Name or ``gs://`` URL, or a list of them, all of which must be there.
        bucket: The bucket, unless ``object_name`` is a URL.
        use_glob: Whether names are patterns, for which the service looks: ``*`` stops at ``/``, ``**`` crosses it.
        **kwargs: What every sensor takes, and `penstock_gcp.sensors.notified.NotifiedSensor`: ``subscription``,
            ``look_interval``, ``gcp_conn_id``.
    """

    template_fields: ClassVar[Sequence[str]] = ("object_name", "bucket", "subscription")

    def __init__(
        self,
        *,
        object_name: str | list[str],
        bucket: str = "",
        use_glob: bool = False,
        **kwargs: Any,  # noqa: ANN401 - a sensor's own
    ) -> None:
        super().__init__(**kwargs)
        self.object_name, self.bucket, self.use_glob = object_name, bucket, use_glob

    def look(self, context: Any) -> bool:  # noqa: ANN401, ARG002 - the spec's
        """Look once."""
        hook = GCSHook(self.gcp_conn_id)
        return all(self._is_there(hook, each) for each in _listed("object_name", self.object_name))

    def concerns(self, bucket: str, name: str) -> bool:
        """Whether an object that changed is waited for; of a pattern, its literal beginning counts."""
        for each in _listed("object_name", self.object_name):
            place, wanted = GCSHook.parse(each, self.bucket)
            if place == bucket and (name.startswith(literal_prefix(wanted)) if self.use_glob else name == wanted):
                return True
        return False

    def _is_there(self, hook: GCSHook, name: str) -> bool:
        if self.use_glob:
            return next(hook.glob(name, self.bucket), None) is not None
        return hook.head(name, self.bucket) is not None


class GCSObjectsWithPrefixExistenceSensor(NotifiedSensor):
    """Waits until some name begins with every prefix; one list of one name a poke and prefix.

    Args:
        prefix: Prefix or ``gs://`` URL of one, or a list of them. It is any beginning, not only a folder; a URL of the bucket
            alone waits for any object.
        bucket: The bucket, unless ``prefix`` is a URL.
        **kwargs: What every sensor takes, and `penstock_gcp.sensors.notified.NotifiedSensor`: ``subscription``,
            ``look_interval``, ``gcp_conn_id``.
    """

    template_fields: ClassVar[Sequence[str]] = ("prefix", "bucket", "subscription")

    def __init__(
        self,
        *,
        prefix: str | list[str],
        bucket: str = "",
        **kwargs: Any,  # noqa: ANN401 - a sensor's own
    ) -> None:
        super().__init__(**kwargs)
        self.prefix, self.bucket = prefix, bucket

    def look(self, context: Any) -> bool:  # noqa: ANN401, ARG002 - the spec's
        """Look once."""
        hook = GCSHook(self.gcp_conn_id)
        return all(
            next(hook.list_objects(each, self.bucket, page_size=1), None) is not None
            for each in _listed("prefix", self.prefix)
        )

    def concerns(self, bucket: str, name: str) -> bool:
        """Whether an object that changed is below a prefix that is waited for."""
        wanted = (GCSHook.parse_prefix(each, self.bucket) for each in _listed("prefix", self.prefix))
        return any(place == bucket and name.startswith(prefix) for place, prefix in wanted)


class GCSObjectUpdateSensor(NotifiedSensor):
    """Waits until an object is written anew.

    The service numbers each content of a name, and numbers only grow: ``after_generation`` compares them, and no clocks.

    Args:
        object_name: Name or ``gs://`` URL.
        bucket: The bucket, unless ``object_name`` is a URL.
        after_generation: The generation that was seen; one that is larger is waited for. Without it, a change after the run's
            data interval, by the service's clock.
        **kwargs: What every sensor takes, and `penstock_gcp.sensors.notified.NotifiedSensor`: ``subscription``,
            ``look_interval``, ``gcp_conn_id``.
    """

    template_fields: ClassVar[Sequence[str]] = ("object_name", "bucket", "after_generation", "subscription")

    def __init__(
        self,
        *,
        object_name: str,
        bucket: str = "",
        after_generation: int | str | None = None,
        **kwargs: Any,  # noqa: ANN401 - a sensor's own
    ) -> None:
        super().__init__(**kwargs)
        self.object_name, self.bucket, self.after_generation = object_name, bucket, after_generation

    def look(self, context: Any) -> bool:  # noqa: ANN401 - the spec's
        """Look once; raises FailTask if what is given is no generation."""
        found = GCSHook(self.gcp_conn_id).head(self.object_name, self.bucket)
        if found is None:
            return False
        if self.after_generation is None:
            return bool(found.updated > context["data_interval_end"])
        if not str(self.after_generation).isdigit():
            raise FailTask(f"after_generation is {self.after_generation!r}, and a generation is a number")
        return found.generation > int(self.after_generation)

    def concerns(self, bucket: str, name: str) -> bool:
        """Whether it is the object that changed."""
        return (bucket, name) == GCSHook.parse(self.object_name, self.bucket)


class GCSUploadSessionCompleteSensor(Sensor):
    """Waits until the objects under a prefix have not changed for a while: an upload of unknown length is complete.

    The time is measured from the newest object's own time of change, so that the wait survives
    a restart of whoever waits. It takes no ``subscription``: of silence there is no message.

    Args:
        prefix: Prefix or ``gs://`` URL of one.
        bucket: The bucket, unless ``prefix`` is a URL.
        inactivity_period: How long nothing may have changed, as timedelta or seconds.
        min_objects: Fewer objects never count as complete; with 0, neither need there be any.
        allow_delete: Whether objects may vanish while it waits; if not, that fails the task.
        gcp_conn_id: The connection.
        **kwargs: What every sensor takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("prefix", "bucket")

    def __init__(
        self,
        *,
        prefix: str,
        bucket: str = "",
        inactivity_period: timedelta | float = timedelta(hours=1),
        min_objects: int = 1,
        allow_delete: bool = True,
        gcp_conn_id: str = "gcp_default",
        **kwargs: Any,  # noqa: ANN401 - a sensor's own
    ) -> None:
        super().__init__(**kwargs)
        self.prefix, self.bucket, self.gcp_conn_id = prefix, bucket, gcp_conn_id
        self.inactivity_period, self.min_objects, self.allow_delete = inactivity_period, min_objects, allow_delete
        self._objects: UnchangedObjects | None = None

    def poke(self, context: Any) -> bool:  # noqa: ANN401, ARG002 - the spec's signature
        """Look once."""
        listed = GCSHook(self.gcp_conn_id).list_objects(self.prefix, self.bucket)
        found = ((each.name, each.updated) for each in listed)
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
