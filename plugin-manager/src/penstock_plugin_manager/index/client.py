"""The manager's own client: addresses fetched from the network or the disk, with errors that name them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from penstock_plugin_manager.errors import ManagerError, MissingError
from penstock_plugin_manager.index.network import Network, shown
from penstock_plugin_manager.index.response import Response
from penstock_plugin_manager.model.lock import file_path

if TYPE_CHECKING:
    from penstock_plugin_manager.index.remote import Answer, Remote


class Client:
    """Fetches for one call of the manager, asking every server in the same way.

    Attributes:
        offline: Whether the network is left alone.
        default_index: Tells the index that is asked where nobody names one.
    """

    def __init__(
        self,
        network: Callable[[], Network],
        hide: Callable[[str], None],
        default_index: Callable[[], str],
        *,
        offline: bool = False,
        seconds: float = 20.0,
    ) -> None:
        """Prepare a client; nothing is read or asked before it is used.

        Args:
            network: How servers are asked.
            hide: Told of each password that is looked up.
            default_index: Tells the index that is asked where nobody names one; only the tool that resolves knows it.
            offline: Whether the network is left alone.
            seconds: How long a silent server is waited for.
        """
        self._network, self._hide, self.default_index, self.offline = network, hide, default_index, offline
        self._seconds = seconds
        self._made: Remote | None = None

    def hurried(self, seconds: float) -> Client:
        """Return a client that waits no longer for a server, for what nothing depends on."""
        return Client(self._network, self._hide, self.default_index, offline=self.offline, seconds=seconds)

    def fetch(self, url: str, accept: str = "*/*") -> Response:
        """Fetch an address; ``file:`` URLs and plain paths are read from the disk.

        Raises:
            MissingError: there is nothing under that address.
            ManagerError: the network is down or forbidden, or the server fails.
        """
        parts = urlsplit(url)
        if parts.scheme in {"", "file"}:
            return _local(url, file_path(url) if parts.scheme else url)
        return self._remote(url).fetch(url, accept)

    @contextmanager
    def opened(self, url: str) -> Iterator[Answer]:
        """Open a remote file to be read in parts.

        Raises:
            MissingError: there is nothing under that address.
            ManagerError: the network is down or forbidden, or the server fails.
        """
        with self._remote(url).opened(url, "*/*") as answer:
            yield answer

    def end_of(self, url: str, count: int, most: int) -> tuple[bytes, int]:
        """Return the last bytes of a remote file, and the size of the whole.

        Args:
            url: The file.
            count: How many bytes are wanted.
            most: Bytes of the largest file that is fetched as a whole from a server that knows no ranges; of a larger one nothing is.

        Raises:
            ManagerError: the server does not answer, refuses, or does not tell a size.
        """
        return self._remote(url).end_of(url, count, most)

    def _remote(self, url: str) -> Remote:
        scheme = urlsplit(url).scheme
        if scheme not in {"http", "https"}:
            raise ManagerError(f"{shown(url)} cannot be fetched: {scheme!r} is neither http, https nor file.")
        if self.offline:
            raise ManagerError(f"{shown(url)} is on the network, and --offline forbids it.", "Try without --offline.")
        if self._made is None:
            from penstock_plugin_manager.index.remote import Remote  # noqa: PLC0415  loading it is for those who ask

            self._made = Remote(self._network(), self._hide, self._seconds)
        return self._made


def _local(url: str, path: str) -> Response:
    try:
        return Response(Path(path).read_bytes(), "", url)
    except FileNotFoundError:
        raise MissingError(f"{path} does not exist.") from None
    except (OSError, ValueError) as error:
        raise ManagerError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
