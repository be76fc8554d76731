"""What a job of AWS writes, in the task's own log: read while it runs, and to its end once it has ended."""

import logging
from collections.abc import Callable

from penstock.errors import ProviderError
from penstock_aws.hooks import LogsHook


class LogTail:
    """Follows one stream of CloudWatch Logs; a log that cannot be read fails no task.

    Args:
        hook: Makes the client; called when something is read.
        group: The log group.
        log: Where lines are written.
    """

    def __init__(self, hook: Callable[[], LogsHook], group: str, log: logging.Logger) -> None:
        self._hook, self._group, self._log = hook, group, log
        self._token = ""
        self._warned = False

    def follow(self, stream: str) -> None:
        """Write what has come since the last call."""
        try:
            for page in self._hook().pages(self._group, stream, self._token):
                self._token = page.token
                for line in page.lines:
                    self._log.info("%s", line)
        except ProviderError as error:
            if not self._warned:
                self._log.warning("The job's own log cannot be read: %s", error)
            self._warned = True
