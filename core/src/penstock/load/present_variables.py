"""The Variables that files have read, as they are now."""

from collections.abc import Callable, Mapping, Sequence

from penstock.errors import PenstockError, StoreError
from penstock.load.loader_store import LoaderStore


class PresentVariables:
    """Reads Variables, of which some may come from a source that fails.

    Args:
        store: Has them.
        log: Takes what the user should know, a line each.

    Attributes:
        faults: What was wrong with sources when they were read last.
    """

    def __init__(self, store: LoaderStore, log: Callable[[str], None]) -> None:
        self._store, self._log = store, log
        self.faults: set[str] = set()

    def of(self, keys: Sequence[str]) -> Mapping[str, str | None]:
        """The present text of Variables; those whose source fails are left out, so that their files stay as they are."""
        values, faults = self._read(keys)
        for fault in sorted(faults - self.faults):
            self._log(f"whether a Variable has changed is not known: {fault}")
        self.faults = faults
        return values

    def _read(self, keys: Sequence[str]) -> tuple[Mapping[str, str | None], set[str]]:
        try:
            return self._store.variables(keys), set()
        except StoreError:
            raise
        except PenstockError as error:
            if len(keys) == 1:
                return {}, {str(error)}
            read = [self._read([key]) for key in keys]
            return {key: text for values, _ in read for key, text in values.items()}, set().union(*(f for _, f in read))
