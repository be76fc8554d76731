"""What stands in logs that nobody meant to be read: each with the lines that a reader shows, and a word by which one of them is found."""

import gzip
from typing import NamedTuple

_T = "2026-03-01T12:00:0{}.000Z"


class OddLog(NamedTuple):
    """A log.

    Attributes:
        name: What is odd about it.
        data: Its bytes.
        lines: The beginnings of the lines that are shown, none of which is left out.
        word: A word in it.
        found: The beginnings of the lines that the word is found in.
    """

    name: str
    data: bytes
    lines: tuple[str, ...]
    word: str
    found: tuple[str, ...]


ODD_LOGS = (
    OddLog("nothing", b"", (), "needle", ()),
    OddLog(
        "invalid UTF-8",
        b"caf\xe9 needle \xff\xfe\nnext\n",
        ("caf\ufffd needle \ufffd\ufffd", "next"),
        "needle",
        ("caf\ufffd needle",),
    ),
    OddLog("a character cut at the end", "needle \u65e5".encode()[:-1], ("needle \ufffd",), "needle", ("needle",)),
    OddLog(
        "zero bytes and control characters",
        b"a\x00b\x07 needle\x1a\n\x00\n",
        ("a\x00b\x07 needle\x1a", "\x00"),
        "needle",
        ("a\x00b",),
    ),
    OddLog(
        "colours that are cut in the middle",
        b"\x1b[31mneedle\x1b[0m\n\x1b[3",
        ("\x1b[31mneedle\x1b[0m", "\x1b[3"),
        "needle",
        ("\x1b[31mneedle",),
    ),
    OddLog(
        "a compressed file",
        gzip.compress(b"needle\n" * 99, mtime=0).replace(b"\n", b""),
        ("\x1f\ufffd\x08",),
        "needle",
        (),
    ),
    OddLog(
        "ends of lines of other systems",
        b"one needle\r\ntwo\rthree\r\n",
        ("one needle", "two\rthree"),
        "needle",
        ("one needle",),
    ),
    OddLog("only ends of lines", b"\n\n\n", ("", "", ""), "needle", ()),
    OddLog(
        "a clock that goes backwards",
        f"{_T.format(5)} INFO a: first needle\n{_T.format(1)} ERROR a: second needle\n{_T.format(9)} INFO a: third\n".encode(),
        ("first needle", "second needle", "third"),
        "needle",
        ("second needle", "first needle"),
    ),
    OddLog(
        "instants that are none",
        b"2026-13-45T99:99:99.000Z INFO a: needle\n",
        ("2026-13-45T99",),
        "needle",
        ("2026-13-45T99",),
    ),
    OddLog(
        "characters that change the direction",
        "needle \u202e evil \u2066\n".encode(),
        ("needle \u202e evil \u2066",),
        "needle",
        ("needle",),
    ),
    OddLog("half of a pair of UTF-16", b"needle \xed\xa0\x80\n", ("needle \ufffd\ufffd\ufffd",), "needle", ("needle",)),
)
"""One of each kind."""

LONG_LINE = b"x" * (10 << 20) + b" needle\n"
"""A line of 10 MB."""
