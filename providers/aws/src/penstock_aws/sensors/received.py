"""Messages that a sensor has received, kept as checkpoints of its task until they are handed on.

A checkpoint has at most 64 KiB and a task instance 100 of them, so that the messages are cut into pieces. They are there once
the last one is: the number of pieces, which is stored after all of them.
"""

import base64
import json
from typing import Any

from penstock_aws.hooks import SqsMessage

_PIECES = "messages"
_PIECE_LETTERS = 60_000
MOST_BYTES = 4_000_000
"""So many bytes of JSON are 89 pieces in Base64. One message has fewer: its 1 MiB of UTF-8 are at most 3.2 million letters."""


class ReceivedMessages:
    """The messages of a task instance.

    Args:
        checkpoints: Those of the task's context.
    """

    def __init__(self, checkpoints: Any) -> None:  # noqa: ANN401 - the context's
        self._checkpoints = checkpoints

    def load(self) -> list[SqsMessage] | None:
        """What was stored; None if nothing was."""
        pieces = self._checkpoints.get(_PIECES)
        if pieces is None:
            return None
        text = "".join(self._checkpoints.get(f"{_PIECES}-{number}") for number in range(pieces))
        return [SqsMessage(**each) for each in json.loads(base64.b64decode(text))]

    def store(self, messages: list[SqsMessage]) -> None:
        """Keep them; once this returns, no kill takes them away."""
        text = base64.b64encode(json.dumps([each._asdict() for each in messages]).encode()).decode()
        starts = range(0, len(text), _PIECE_LETTERS)
        for number, start in enumerate(starts):
            self._checkpoints.set(f"{_PIECES}-{number}", text[start : start + _PIECE_LETTERS])
        self._checkpoints.set(_PIECES, len(starts))


def size(message: SqsMessage) -> int:
    """The bytes that it adds to what is stored."""
    return len(json.dumps(message._asdict())) + 2
