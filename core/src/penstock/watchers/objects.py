"""Looks for objects of a store by a URL with ``*``, ``?``, ``[...]`` and ``**``."""

import fnmatch
import re
from collections.abc import Callable

from penstock.model.assets.file_watch import MOST_FILES, WatchedFile
from penstock.spec.object_store import ObjectInfo, ObjectStore
from penstock.watchers.file_look import MAGIC, FileLook, found_file, too_many


def look_at_objects(url: str, store: ObjectStore) -> FileLook:
    """Look for the objects of a URL; one that ends with a slash is all objects below it.

    Raises:
        penstock.errors.ProviderError: The store cannot be asked.
    """
    if not MAGIC & set(url) and not url.endswith("/"):
        found = store.stat(url)
        return FileLook([] if found is None else [_found(found)])
    prefix = re.split(r"[*?\[]", url, maxsplit=1)[0]
    matches = _matcher(url if not url.endswith("/") else f"{url}**")
    objects: list[WatchedFile] = []
    for each in store.list(prefix):
        if not each.url.endswith("/") and matches(each.url):
            if len(objects) == MOST_FILES:
                return FileLook(objects, too_many(url))
            objects.append(_found(each))
    return FileLook(objects)


def same_object(store: ObjectStore, found: WatchedFile) -> bool:
    """Whether the object is there still, as it was found; raises ProviderError if the store cannot be asked."""
    now = store.stat(found.path)
    return now is not None and _found(now).fingerprint == found.fingerprint


def _found(info: ObjectInfo) -> WatchedFile:
    return found_file(info.url, info.size, info.etag, etag=info.etag)


def _matcher(url: str) -> Callable[[str], bool]:
    """What says whether a URL matches: part by part, as ``*`` stands for no slash; ``**`` for any number of parts."""
    steps: list[re.Pattern[str] | None] = []
    for part in url.split("/"):
        if part == "**":
            if not steps or steps[-1] is not None:
                steps.append(None)
        else:
            hidden = "" if part.startswith(".") or not MAGIC & set(part[:1]) else r"(?!\.)"
            steps.append(re.compile(hidden + fnmatch.translate(part)))
    if steps[-1] is None:
        steps.append(re.compile(r"(?!\.)[^/]+"))

    def matches(name: str) -> bool:
        # `here` are the numbers of steps that the parts so far can have come to.
        here = _skip(steps, {0})
        for part in name.split("/"):
            after = {number if steps[number] is None else number + 1 for number in here if _takes(steps, number, part)}
            here = _skip(steps, after)
            if not here:
                return False
        return len(steps) in here

    return matches


def _takes(steps: list[re.Pattern[str] | None], number: int, part: str) -> bool:
    if number == len(steps):
        return False
    step = steps[number]
    return not part.startswith(".") if step is None else step.match(part) is not None


def _skip(steps: list[re.Pattern[str] | None], here: set[int]) -> set[int]:
    return here | {number + 1 for number in here if number < len(steps) and steps[number] is None}
