"""Numbers that settings share, with their bounds."""

from typing import Annotated

import msgspec

LONGEST_WAIT_S = 2_147_483
"""Seconds of the longest wait: epoll_wait(2) and SQLite take milliseconds in 32 bits, and no call takes ``inf``."""

Seconds = Annotated[float, msgspec.Meta(gt=0, le=LONGEST_WAIT_S)]
SecondsOrZero = Annotated[float, msgspec.Meta(ge=0, le=LONGEST_WAIT_S)]
LongSeconds = Annotated[float, msgspec.Meta(gt=0, le=36500 * 86400)]
"""Seconds that are added to an instant, and not waited for in one piece."""

Count = Annotated[int, msgspec.Meta(ge=1)]
CountOrZero = Annotated[int, msgspec.Meta(ge=0)]
MegabytesOrZero = Annotated[int, msgspec.Meta(ge=0, le=1 << 30)]
Days = Annotated[float, msgspec.Meta(ge=0, le=36500)]
