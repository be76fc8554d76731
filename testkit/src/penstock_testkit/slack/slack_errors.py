"""What Slack says no with."""

from typing import Any


class SlackRefusedError(Exception):
    """Slack refuses, with status 200.

    Args:
        code: Its word for it.
        more: What else the answer holds.
    """

    def __init__(self, code: str, **more: Any) -> None:  # noqa: ANN401
        super().__init__(code)
        self.code, self.more = code, more
