"""The hook of Amazon CloudWatch Logs: reading a stream to its end, page by page."""

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from penstock.errors import ErrorKind, ProviderError
from penstock_aws.hooks.service import AwsHook

_MOST_PAGES = 20


class LogPage(NamedTuple):
    """Some lines of a log stream.

    Attributes:
        lines: The messages, oldest first.
        token: Where the next page begins.
    """

    lines: list[str]
    token: str


class LogsHook(AwsHook):
    """A client of Amazon CloudWatch Logs.

    Args:
        aws_conn_id: The connection, of type ``aws``.
        connection: The connection itself, in place of its name.
    """

    service: ClassVar[str] = "logs"

    def pages(self, group: str, stream: str, token: str = "") -> Iterator[LogPage]:
        """What a stream has from a token on, at most 20 pages of a MiB; nothing if there is no such stream.

        An empty page is not the end of a stream: the end is a page whose token is the one that was sent (GetLogEvents in
        the Amazon CloudWatch Logs API Reference).

        Args:
            group: The log group.
            stream: The log stream.
            token: Where to go on, of an earlier page; "" for the beginning.

        Raises:
            penstock.errors.ProviderError: The stream may not be read.
        """
        for _ in range(_MOST_PAGES):
            place = {"nextToken": token} if token else {}
            try:
                with self.errors("GetLogEvents", f"{group}:{stream}"):
                    answer = self.client.get_log_events(
                        logGroupName=group, logStreamName=stream, startFromHead=True, **place
                    )
            except ProviderError as error:
                if error.kind is ErrorKind.NOT_FOUND:
                    return  # what never started has written nothing
                raise
            following = str(answer["nextForwardToken"])
            yield LogPage([str(each["message"]) for each in answer["events"]], following)
            if following == token:
                return
            token = following
