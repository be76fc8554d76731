"""Connections and Variables that the service keeps: items ``connections/ID`` and ``variables/KEY``."""

from penstock_sample.hooks import SampleHook


class SampleSecretsBackend:
    """Asks the service; implements `penstock.spec.secrets_backend.SecretsBackend`.

    Args:
        sample_conn_id: The connection to the service, which is one of the environment.
    """

    def __init__(
        self,
        *,
        sample_conn_id: str = "sample_default",
    ) -> None:
        self._hook = SampleHook(sample_conn_id)

    def connection(self, conn_id: str) -> str | None:
        """The URI or JSON of a connection, or None."""
        return self._text("connections/" + conn_id)

    def variable(self, key: str) -> str | None:
        """The text of a Variable, or None."""
        return self._text("variables/" + key)

    def connection_ids(self) -> list[str]:
        """Ids of all connections."""
        return self._names("connections/")

    def variable_keys(self) -> list[str]:
        """Keys of all Variables."""
        return self._names("variables/")

    def _text(self, name: str) -> str | None:
        return self._hook.read(name).decode() if self._hook.find(name) else None

    def _names(self, prefix: str) -> list[str]:
        return [each.name.removeprefix(prefix) for each in self._hook.list(prefix)]
