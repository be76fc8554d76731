"""``[logs]``: where logs of tries are kept beside this machine, and whether they are searched."""

import re
from typing import Annotated

import msgspec

from penstock.settings.numbers import Count, Days, MegabytesOrZero, Seconds

_URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+")


class LogSettings(msgspec.Struct, frozen=True):
    """``[logs]``: what the logs of tries may take; the log store, to which a process of its own ships them; and their index.

    Attributes:
        store: URL under which logs are kept, such as ``s3://bucket/logs``: any installed object store serves, and any log store
            of a provider. If it is empty, logs stay on this machine alone.
        conn_id: Connection of the log store; the scheme's default if empty.
        try_mb: Megabytes that the log of one try may take; 0 for no bound. Of more, the head is kept and the last megabyte.
        least_free_mb: Megabytes that logs of tries leave free on their disk, but for a tenth of it at most; 0 for none. What is
            printed while less is free is not kept.
        chunk_bytes: The most that is shipped at once of one log.
        chunk_s: Seconds between two looks for what logs have grown by, to ship and to index it.
        buffer_mb: Megabytes of logs that stay on this machine. Beyond it, those go that are whole in the store, the oldest first;
            one that is not shipped yet never does.
        index: Whether a process of its own indexes logs, so that `penstock logs search` finds lines of all of them.
        index_mb: Megabytes that the index may take, about. Beyond it, the oldest part of it goes.
        index_days: Days after which a part of the index goes; 0 for none. Logs themselves stay.
        index_try_mb: Megabytes of each log, at its beginning and at its end, that are indexed.
    """

    store: str = ""
    conn_id: str = ""
    try_mb: MegabytesOrZero = 1024
    least_free_mb: MegabytesOrZero = 100
    chunk_bytes: Annotated[int, msgspec.Meta(ge=4096, le=64 << 20)] = 4 << 20
    chunk_s: Seconds = 5.0
    buffer_mb: Count = 1024
    index: bool = False
    index_mb: Count = 1024
    index_days: Days = 30.0
    index_try_mb: Count = 8


def store_problems(store: str) -> list[str]:
    """Say what is wrong with the URL of the log store."""
    if not store or _URL.fullmatch(store):
        return []
    return [f"store: {store!r} is no URL of a log store. Write its scheme and place, such as s3://bucket/logs."]
