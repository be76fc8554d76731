"""The hook of Dask: a client of a cluster for the code of a task."""

import weakref
from typing import Any, ClassVar

from penstock.errors import ProviderError
from penstock.spec.fields import Connection
from penstock.spec.hooks.client_cache import ClientCache
from penstock.spec.hooks.service_hook import Identity, ServiceHook
from penstock_dask.connections import DaskFields
from penstock_dask.errors import provider_error
from penstock_dask.hooks.clients import open_client

_clients: ClientCache[Any] = ClientCache()


class DaskHook(ServiceHook[DaskFields]):
    """A client of a Dask cluster.

    Args:
        dask_conn_id: The connection, of type ``dask``.
        connection: The connection itself, in place of its name.
    """

    connection_type: ClassVar[str] = "dask"
    default_conn_id: ClassVar[str] = "dask_default"
    fields_class: ClassVar[type[DaskFields]] = DaskFields

    def __init__(self, dask_conn_id: str | None = None, *, connection: Connection | None = None) -> None:
        super().__init__(dask_conn_id, connection=connection)

    @property
    def endpoint(self) -> str:
        """The scheduler's address."""
        return self.fields.address

    def get_client(self) -> Any:  # noqa: ANN401 - the SDK's, which is imported on first use
        """The SDK's client (`distributed.Client`) of this process; one that was closed is made anew.

        Raises:
            penstock.errors.ProviderError: The cluster cannot be reached.
        """
        fields = self.fields
        with self.errors("connect", fields.address):
            client = _clients.get(fields, lambda: _opened(fields))
            if client.status not in ("running", "connecting"):
                _clients.forget(fields)
                client = _clients.get(fields, lambda: _opened(fields))
            return client

    def identify(self) -> Identity:
        """The scheduler's id and how many workers it has; it knows no users but who may reach it.

        Raises:
            penstock.errors.ProviderError: It cannot be reached.
        """
        with self.errors("scheduler_info", self.fields.address):
            info = self.get_client().scheduler_info(n_workers=-1)
        workers = info["workers"].values()
        detail = f"{info['id']} has {len(workers)} workers with {sum(each['nthreads'] for each in workers)} threads."
        return Identity(str(info["id"]), detail)

    def provider_error(self, error: Exception, operation: str, what: str) -> ProviderError:
        """What a failure of the SDK means."""
        return self.located(provider_error(error, operation=operation, what=what, conn_id=self.conn_id), error)


def _opened(fields: DaskFields) -> Any:  # noqa: ANN401
    made = open_client(fields.address, fields.tls_ca, fields.tls_cert, fields.tls_key, fields.connect_timeout_s)
    weakref.finalize(made.client, made.end).atexit = False
    return made.client
