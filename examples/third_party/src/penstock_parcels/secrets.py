"""Connections and Variables from a folder of the depot."""

from pathlib import Path


class SafeBackend:
    """A file for each connection, ``NAME.conn``, and each Variable, ``NAME.var``.

    Args:
        folder: Where they lie.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def connection(self, conn_id: str) -> str | None:
        """The URI of a connection, or None."""
        return self._read(conn_id, ".conn")

    def variable(self, key: str) -> str | None:
        """The text of a Variable, or None."""
        return self._read(key, ".var")

    def connection_ids(self) -> list[str]:
        """Ids of all connections."""
        return self._names(".conn")

    def variable_keys(self) -> list[str]:
        """Keys of all Variables."""
        return self._names(".var")

    def _read(self, name: str, ending: str) -> str | None:
        # Only what is listed is read: an id with a slash in it would lead out of the folder.
        return (self._folder / (name + ending)).read_text().strip() if name in self._names(ending) else None

    def _names(self, ending: str) -> list[str]:
        return sorted(path.name.removesuffix(ending) for path in self._folder.iterdir() if path.name.endswith(ending))
