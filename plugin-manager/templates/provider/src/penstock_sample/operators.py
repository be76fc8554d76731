"""Tasks that use the service."""

from collections.abc import Sequence
from typing import Any, ClassVar

from penstock import Operator

from penstock_sample.hooks import SampleHook


class SampleWriteOperator(Operator):
    """Writes an item; to write it again changes nothing.

    Args:
        item: Name of the item.
        content: What it shall be.
        sample_conn_id: The connection.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("item", "content")

    def __init__(
        self,
        *,
        item: str,
        content: str,
        sample_conn_id: str = "sample_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.item, self.content = item, content
        self.sample_conn_id = sample_conn_id

    def execute(self, context: Any) -> str:  # noqa: ARG002
        """Write it; returns its name."""
        hook = SampleHook(self.sample_conn_id)
        hook.write(self.item, self.content.encode())
        return self.item
