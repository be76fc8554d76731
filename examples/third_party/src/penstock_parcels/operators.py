"""Tasks that use the depot."""

from typing import Any

from penstock import Context, Operator
from penstock_parcels.hooks import DepotHook


class SendOperator(Operator):
    """Sends a parcel; a repetition replaces it by itself.

    Args:
        parcel: Its name.
        content: What is in it.
        conn_id: The connection.
        **kwargs: What every task takes.
    """

    template_fields = ("parcel", "content")

    def __init__(self, *, parcel: str, content: str = "", conn_id: str = "parcels_default", **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(**kwargs)
        self.parcel, self.content, self.conn_id = parcel, content, conn_id

    def execute(self, context: Context) -> str:
        """Send it; returns its name."""
        del context
        return DepotHook(self.conn_id).send(self.parcel, self.content)
