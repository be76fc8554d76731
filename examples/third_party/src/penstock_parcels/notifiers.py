"""Alerts as parcels."""

from penstock.spec.notifier import AlertMessage
from penstock_parcels.hooks import DepotHook


class BellNotifier:
    """Puts the title of each alert into the depot.

    Args:
        parcel: Name of the parcel.
        conn_id: The connection.
    """

    def __init__(self, parcel: str, conn_id: str = "parcels_default") -> None:
        self._parcel, self._conn_id = parcel, conn_id

    def send(self, message: AlertMessage) -> None:
        """Put the title into the depot, in place of the one before.

        Raises:
            ProviderError: The depot cannot be written to.
        """
        DepotHook(self._conn_id).send(self._parcel, message.title)
