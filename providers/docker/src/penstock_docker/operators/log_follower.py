"""A container's log in the task's own: each line once, across cut answers, processes and tries."""

import logging
from collections.abc import Collection
from typing import Any

from penstock.errors import ErrorKind, ProviderError
from penstock_docker.hooks import DockerHook, LogPlace
from penstock_docker.hooks.docker_hook import is_unreadable

_KEY = "docker.log"
_READS = 16
_MOST_BREAKS = 5
HIDDEN = "***"


class LogFollower:
    """Follows the log of one container.

    Where it is, it keeps as a checkpoint of the task, so that the next process and the next try go on there. What a
    process had written and not yet kept when it was killed, the next one writes again: no line is lost.

    Args:
        log: Where lines are written.
        checkpoints: The task's checkpoints.
        container_id: The container.
        terminal: Whether it has a terminal.
        secrets: Values that are hidden.
    """

    def __init__(
        self,
        log: logging.Logger,
        checkpoints: Any,  # noqa: ANN401 - of the task's context
        container_id: str,
        *,
        terminal: bool,
        secrets: Collection[str],
    ) -> None:
        self._log, self._checkpoints, self._id, self._terminal = log, checkpoints, container_id, terminal
        self._secrets = sorted(secrets, key=len, reverse=True)
        kept = checkpoints.get(_KEY) or {}
        self._place = LogPlace.of_plain(kept["place"]) if kept.get("id") == container_id else LogPlace()
        self._breaks = 0
        self._unreadable = False

    def follow(self, hook: DockerHook, *, ended: bool) -> bool:
        """Write what has come since the last call; whether that was all there is.

        Args:
            hook: The client.
            ended: Whether the container has ended: then it is read to its end.
        """
        for _ in range(_READS if ended else 1):
            try:
                if not self._read(hook, ended=ended):
                    return True
            except ProviderError as error:
                return self._failed(error)
        return False

    def _read(self, hook: DockerHook, *, ended: bool) -> int:
        count = 0
        if self._unreadable:
            return count
        try:
            for line in hook.read_log(self._id, self._place, terminal=self._terminal, ended=ended):
                self._log.info("%s", self.shown(line.text))
                count += 1
        finally:
            if count:
                self._checkpoints.set(_KEY, {"id": self._id, "place": self._place.plain()})
                self._breaks = 0
        return count

    def _failed(self, error: ProviderError) -> bool:
        """Whether to go on without the log; one that was cut is read again, and one that always is fails no task."""
        if is_unreadable(error):
            self._unreadable = True
            self._log.warning("The container's log cannot be read, as its logging driver keeps nothing here: %s", error)
            return True
        self._breaks += 1
        if error.kind is not ErrorKind.NOT_FOUND and self._breaks <= _MOST_BREAKS:
            return False
        self._log.warning("The container's log cannot be read: %s", error)
        return True

    def shown(self, text: str) -> str:
        """A text of the container without the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text
