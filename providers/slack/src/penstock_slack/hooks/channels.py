"""Ids of channels by name, kept for an hour: Slack lists a workspace at most 20 times a minute (Tier 2).

A list at each use is what brought Airflow's tasks into rate limits (apache/airflow#44923, apache/airflow#47225).
"""

import re
import threading
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from penstock.spec.hooks.client_cache import ClientCache
from penstock_slack.connections import SlackFields

KEPT_S = 3600.0
_ID = re.compile(r"[CDGU][A-Z0-9]{7,}")


class ChannelName(NamedTuple):
    """A channel, and what it is called."""

    channel_id: str
    name: str


class ChannelIds:
    """Ids by name of one workspace.

    Args:
        monotonic: Tells seconds that never go back.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._found: dict[str, str] = {}
        self._until = -1.0

    def find(self, name: str, listed: Callable[[], Iterable[ChannelName]]) -> str | None:
        """The id of a name; None if there is no such channel.

        Args:
            name: Without ``#``.
            listed: Lists all channels; called at most once for all who ask at the same time.
        """
        with self._lock:
            if self._monotonic() >= self._until:
                self._found = {}
            if name not in self._found:
                self._found = {each.name: each.channel_id for each in listed()}
                self._until = self._monotonic() + KEPT_S
            return self._found.get(name)

    def forget(self) -> None:
        """Have the next one who asks list them anew: a channel that was renamed or made again has another name or id."""
        self._until = -1.0


_of_workspaces: ClientCache[ChannelIds] = ClientCache()


def channel_ids(fields: SlackFields) -> ChannelIds:
    """The ids of a connection's workspace, shared by all hooks of the process."""
    return _of_workspaces.get(fields, ChannelIds)


def is_channel_id(channel: str) -> bool:
    """Whether it is an id, such as C0123ABCD: of a channel, a group, a direct message or a user."""
    return _ID.fullmatch(channel) is not None
