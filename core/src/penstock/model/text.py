"""What people read: text of others, which neither steers a terminal nor reads otherwise than it is written, instants, numbers."""

from datetime import UTC, datetime

_KEPT = "\n\t"


def visible(text: str) -> str:
    """The text with a visible escape in place of each character that cannot be printed, line breaks and tabs excepted.

    What Unicode calls no printable character is escaped: control characters (of which ESC and CSI steer a terminal), marks
    that reverse the direction of writing, and lone surrogates.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _KEPT else ascii(c)[1:-1] for c in text)


def shortened(text: str, longest: int) -> str:
    """The text on one line of at most so many characters; ``...`` says that there was more."""
    line = " ".join(text[: 4 * longest].split())
    return line if len(line) <= longest and len(text) <= 4 * longest else line[: longest - 3] + "..."


def counted(number: int, noun: str) -> str:
    """A number with its noun, such as ``1 DAG`` and ``2 DAGs``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def utc_text(moment: datetime) -> str:
    """An aware instant, such as ``2026-01-31 06:00:00Z``; its year has four digits whatever the C library makes of ``%Y``."""
    return f"{moment.astimezone(UTC).isoformat(' ', 'seconds').removesuffix('+00:00')}Z"
