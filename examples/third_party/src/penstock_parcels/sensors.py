"""Tasks that wait for the depot."""

from typing import Any

from penstock import Context, Sensor
from penstock_parcels.hooks import DepotHook


class ArrivedSensor(Sensor):
    """Waits until a parcel is in the depot.

    Args:
        parcel: Its name.
        conn_id: The connection.
        **kwargs: What every sensor takes.
    """

    template_fields = ("parcel",)

    def __init__(self, *, parcel: str, conn_id: str = "parcels_default", **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(**kwargs)
        self.parcel, self.conn_id = parcel, conn_id

    def poke(self, context: Context) -> bool:
        """Look once."""
        del context
        return DepotHook(self.conn_id).has(self.parcel)
