"""What one watcher has seen, and what of a look it tells of: pure."""

from collections.abc import Sequence

from penstock.model.assets.file_watch import FileWatch, WatchedFile


class WatchProgress:
    """Remembers what was told of, and lets a file settle before it is told of.

    Args:
        asset: URI of the asset.
        spec: What it looks for.
        known: The files that were told of, each with its fingerprint.

    Attributes:
        leftover: Files that were told of and are to be deleted.
    """

    def __init__(self, asset: str, spec: FileWatch, known: dict[str, str]) -> None:
        self.asset, self.spec, self._known = asset, spec, known
        self._settling: dict[str, tuple[str, float]] = {}
        self.leftover: list[WatchedFile] = []
        self.next_s = spec.interval_s

    def take(self, found: Sequence[WatchedFile], now_s: float) -> list[WatchedFile]:
        """Take what a look found, and say what of it has come; `reported` is to be called once that is stored.

        Args:
            found: The files.
            now_s: The monotonic clock at the time of the look.
        """
        settling: dict[str, tuple[str, float]] = {}
        come: list[WatchedFile] = []
        for each in found:
            if self._known.get(each.file) == each.fingerprint:
                continue
            fingerprint, since = self._settling.get(each.file, ("", now_s))
            since = since if fingerprint == each.fingerprint else now_s
            if self.spec.remote or now_s - since >= self.spec.settle_s:
                come.append(each)
            else:
                settling[each.file] = (each.fingerprint, since)
        self._settling = settling
        settled_at = min((since for _, since in settling.values()), default=now_s) + self.spec.settle_s
        self.next_s = min(self.spec.interval_s, max(settled_at - now_s, 0.0)) if settling else self.spec.interval_s
        again = [each for each in found if self._known.get(each.file) == each.fingerprint]
        self.leftover = again if self.spec.delete else []
        return come

    def reported(self, come: Sequence[WatchedFile]) -> None:
        """Keep that files were told of."""
        self._known.update((each.file, each.fingerprint) for each in come)
        if self.spec.delete and come:
            self.leftover += come
            self.next_s = 0.0

    def seen(self, found: Sequence[WatchedFile]) -> list[str]:
        """Which of these files were told of, by their names in the store."""
        return [each.file for each in found if each.file in self._known]
