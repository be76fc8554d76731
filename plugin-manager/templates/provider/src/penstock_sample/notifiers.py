"""Alerts as items of the service: ``alerts/KEY``."""

from penstock.spec.notifier import AlertMessage

from penstock_sample.hooks import SampleHook


class SampleNotifier:
    """Writes each message as an item; implements `penstock.spec.notifier.Notifier`.

    A message that is sent again has the same key, and takes the same item's place.

    Args:
        sample_conn_id: The connection.
    """

    def __init__(
        self,
        *,
        sample_conn_id: str = "sample_default",
    ) -> None:
        self._hook = SampleHook(sample_conn_id)

    def send(self, message: AlertMessage) -> None:
        """Send a message; returns once the service has it."""
        self._hook.write(f"alerts/{message.key}", f"{message.title}\n\n{message.text}\n".encode())
