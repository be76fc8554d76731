"""The client of the depot."""

from pathlib import Path
from typing import ClassVar

from penstock import ConnectionReport, Hook
from penstock.errors import PenstockError
from penstock_parcels.connections import depot_fields
from penstock_parcels.errors import provider_error


class DepotHook(Hook):
    """A client of the depot; making one opens nothing.

    Args:
        conn_id: The connection.
        connection: The connection itself, in place of its id.
    """

    connection_type: ClassVar[str] = "parcels"
    default_conn_id: ClassVar[str] = "parcels_default"

    @property
    def folder(self) -> Path:
        """The depot's folder."""
        return Path(depot_fields(self.connection).folder)

    def send(self, parcel: str, content: str) -> str:
        """Put a parcel into the depot, in place of one of the same name; returns its name.

        Raises:
            ProviderError: The depot cannot be written to.
        """
        target = self.folder / parcel
        part = target.with_name(f".{target.name}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(content + depot_fields(self.connection).seal)
            part.replace(target)
        except OSError as error:
            raise provider_error(error, "send") from error
        return parcel

    def has(self, parcel: str) -> bool:
        """Whether a parcel is in the depot."""
        return (self.folder / parcel).is_file()

    def test_connection(self) -> ConnectionReport:
        """Look whether the depot is there."""
        try:
            folder = self.folder
        except PenstockError as error:
            return ConnectionReport(False, "", "depot", 0.0, str(error))
        detail = "It is there." if folder.is_dir() else "There is no such folder."
        return ConnectionReport(folder.is_dir(), "", str(folder), 0.0, detail)
