"""Tasks that wait for the service."""

from collections.abc import Sequence
from typing import Any, ClassVar

from penstock import Sensor

from penstock_sample.hooks import SampleHook


class SampleItemSensor(Sensor):
    """Waits until an item is there; each poke is one short request.

    Args:
        item: Name of the item.
        sample_conn_id: The connection.
        **kwargs: What every sensor takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("item",)

    def __init__(
        self,
        *,
        item: str,
        sample_conn_id: str = "sample_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.item = item
        self.sample_conn_id = sample_conn_id

    def poke(self, context: Any) -> bool:  # noqa: ARG002
        """Look once."""
        hook = SampleHook(self.sample_conn_id)
        return hook.find(self.item) is not None
