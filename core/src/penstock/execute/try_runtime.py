"""What a try's code may ask: its supervisor over a channel, and the object stores of its own environment."""

from collections.abc import Callable
from typing import Any

import msgspec

from penstock.execute.channel import Channel, ChannelRuntime
from penstock.execute.offload import put_checkpoint
from penstock.spec.executor import TryRequest


class TryRuntime(ChannelRuntime):
    """The runtime of a try, which opens object stores by the providers of its own environment.

    Args:
        channel: The line to its supervisor.
        serial: Its number on the line.
        request: The try.
        open_store: Opens an object store by URL and connection id.
    """

    def __init__(
        self, channel: Channel, serial: int, request: TryRequest, open_store: Callable[[str, str | None], Any]
    ) -> None:
        super().__init__(channel, serial)
        self._request, self._open_store = request, open_store

    def set_checkpoint(self, key: str, value: Any) -> None:  # noqa: ANN401 - any JSON value
        """Keep a plain value for later tries, or delete it; a large one is put into the object store first."""
        if value is not None:
            value = msgspec.Raw(put_checkpoint(key, msgspec.json.encode(value), self._request, self))
        super().set_checkpoint(key, value)

    def object_store(self, url: str, conn_id: str | None = None) -> Any:  # noqa: ANN401 - an ObjectStore
        """The object store that serves the URL's scheme."""
        return self._open_store(url, conn_id)
