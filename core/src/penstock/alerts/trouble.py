"""What is wrong with an installation and was not before, and what is wrong no more."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from penstock.alerts.occurrence import Occurrence
from penstock.model.state import AlertEvent


class Trouble(NamedTuple):
    """One thing that is wrong, apart from what became of DAG runs.

    Attributes:
        subject: What it is: a DAG file, a part of the installation.
        reason: Why, as a sentence.
        of_file: Whether it is a DAG file that cannot be imported.
    """

    subject: str
    reason: str
    of_file: bool = False

    @property
    def key(self) -> str:
        """Its name, the same as long as it lasts."""
        return f"{_FILE if self.of_file else _PART}{self.subject}"


class Difference(NamedTuple):
    """How the present differs from what is noted.

    Attributes:
        happened: What is to be told.
        began: Keys of what is wrong from now on, each with the instant.
        ended: Keys of what is wrong no more.
    """

    happened: list[Occurrence]
    began: list[tuple[str, datetime]]
    ended: list[str]


_FILE, _PART = "file|", "part|"
_BROKEN = {_FILE: AlertEvent.IMPORT_BROKEN, _PART: AlertEvent.UNWELL}
_MENDED = {_FILE: AlertEvent.IMPORT_MENDED, _PART: AlertEvent.WELL}


def compared(present: Iterable[Trouble], noted: Mapping[str, datetime], now: datetime, *, files: bool) -> Difference:
    """Compare what is wrong with what is noted as wrong.

    Args:
        present: What is wrong.
        noted: Keys of what is noted, with the instant since when; keys of other things are left alone.
        now: The present.
        files: Whether it is about DAG files; otherwise about parts of the installation.
    """
    kind = _FILE if files else _PART
    found = {each.key: each for each in present if each.of_file is files}
    known = {key: since for key, since in noted.items() if key.startswith(kind)}
    happened = [
        Occurrence(_BROKEN[kind], now, each.reason, subject=each.subject)
        for key, each in found.items()
        if key not in known
    ]
    ended = [key for key in known if key not in found]
    for key in ended:
        reason = f"It was wrong since {known[key]:%Y-%m-%d %H:%M:%S} UTC."
        happened.append(Occurrence(_MENDED[kind], now, reason, subject=key.removeprefix(kind)))
    return Difference(happened, [(key, now) for key in found if key not in known], ended)
