"""The client of the depot."""

from pathlib import Path
from typing import ClassVar

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.hooks.service_hook import Identity, ServiceHook
from penstock_parcels.connections import DepotFields
from penstock_parcels.errors import provider_error


class DepotHook(ServiceHook[DepotFields]):
    """A client of the depot; making one opens nothing.

    Args:
        conn_id: The connection.
        connection: The connection itself, in place of its id.
    """

    connection_type: ClassVar[str] = "parcels"
    default_conn_id: ClassVar[str] = "parcels_default"
    fields_class: ClassVar[type[DepotFields]] = DepotFields

    @property
    def folder(self) -> Path:
        """The depot's folder."""
        return Path(self.fields.folder)

    def send(self, parcel: str, content: str) -> str:
        """Put a parcel into the depot, in place of one of the same name; returns its name.

        Raises:
            ProviderError: The depot cannot be written to.
        """
        target = self.folder / parcel
        part = target.with_name(f".{target.name}.part")
        with self.errors("Send", parcel):
            target.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(content + self.fields.seal)
            part.replace(target)
        return parcel

    def has(self, parcel: str) -> bool:
        """Whether a parcel is in the depot."""
        return (self.folder / parcel).is_file()

    @property
    def endpoint(self) -> str:
        """The depot's folder."""
        return self.fields.folder

    def identify(self) -> Identity:
        """Look whether the depot is there.

        Raises:
            ProviderError: It is not.
        """
        if not self.folder.is_dir():
            detail = f"{self.folder} is no folder"
            raise ProviderError(detail, service="parcels", operation="Look", kind=ErrorKind.NOT_FOUND)
        return Identity("", "It is there.")

    def provider_error(self, error: Exception, operation: str, what: str) -> ProviderError:
        """What a failure of the depot means."""
        return provider_error(error, operation, what)
