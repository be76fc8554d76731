"""Hours that are complete: a manifest for each event, and one marker that a sensor waits for.

A manifest has the form that COPY of Redshift reads (page "Using a manifest to specify data files" of its guide).
"""

import json

from penstock_aws.hooks.kinesis.events import folder
from penstock_aws.hooks.kinesis.plan import first_hour, is_complete
from penstock_aws.hooks.kinesis.state_store import StateStore
from penstock_aws.hooks.kinesis.states import ShardState

_KEY = "_state/next_hour"


def close_hours(store: StateStore, states: dict[str, ShardState], low: float, lateness_s: float) -> int:
    """Write manifests and markers of all hours that have become complete; returns how many.

    All batchers may do so at once: what is written is a function of files that do not change any more.

    Args:
        store: The destination.
        states: What is known of the shards.
        low: All that had arrived by then is stored.
        lateness_s: So long after its end an hour waits for events.
    """
    found = store.read(_KEY)
    hour = int(json.loads(found[0])) if found else first_hour(states, low, lateness_s)
    etag = found[1] if found else store.swap(_KEY, str(hour).encode(), "")
    closed = 0
    while etag and is_complete(hour, low, lateness_s):
        _close(store, hour)
        hour, closed = hour + 1, closed + 1
        etag = store.swap(_KEY, str(hour).encode(), etag)  # "" if another one is further
    return closed


def _close(store: StateStore, hour: int) -> None:
    events = store.hook.list_prefixes(store.bucket, f"{store.prefix}event=")
    store.each(lambda event: _write_manifest(store, hour, event), list(events))
    store.create(f"_hours/{folder(hour)}/_SUCCESS", b"")


def _write_manifest(store: StateStore, hour: int, event: str) -> None:
    name = event.removeprefix(store.prefix).rstrip("/")
    entries = [
        {"url": each.url, "mandatory": True, "meta": {"content_length": each.size}}
        for each in store.hook.list_objects(store.bucket, f"{event}{folder(hour)}/")
        if not each.key.rpartition("/")[2].startswith("late-")
    ]
    if entries:
        store.create(f"_hours/{folder(hour)}/{name}.manifest", json.dumps({"entries": entries}).encode())
