"""Text of others, as a terminal may be given it: nothing in it steers the terminal or reads otherwise than it is written."""

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
