"""The words by which lines of logs are found: one rule for every database, so that all of them answer alike."""

import re
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from penstock.errors import RequestError

LONGEST_WORD = 64
"""Letters of a word; of a longer one, its beginning is taken."""

MOST_WORDS = 16
"""Words of a search."""

_TOKEN = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]{2,}|[A-Z]{2,}")
_PHRASE = re.compile(r'"([^"]*)"')


@lru_cache(1 << 15)
def _words(token: str) -> tuple[str, ...]:
    word = token[:LONGEST_WORD].lower()
    if token.islower() or token.isupper() or not token.isascii() or token[1:].islower() or token.isdecimal():
        return (word,)
    return (word, *(hump.lower() for hump in _HUMP.findall(token[:LONGEST_WORD]) if len(hump) < len(token)))


def words_of(text: str) -> set[str]:
    """Words of a text: runs of letters and digits in lower case; one in camel case also by its humps.

    Examples:
        >>> sorted(words_of("load_orders_3: DeadlockDetected"))
        ['3', 'deadlock', 'deadlockdetected', 'detected', 'load', 'orders']
    """
    return set().union(*map(_words, set(_TOKEN.findall(text))))


class LogQuery(msgspec.Struct, frozen=True):
    """What is sought in lines.

    Attributes:
        words: A line must have a word that begins with each of them.
        phrases: It must hold each of these texts, in upper or lower case.
    """

    words: tuple[str, ...]
    phrases: tuple[str, ...] = ()

    def matches(self, line: str) -> bool:
        """Whether a line is one of those that are sought."""
        lowered = line.lower()
        if not all(each in lowered for each in self.phrases) or not all(each in lowered for each in self.words):
            return False
        found = words_of(line)
        return all(any(word.startswith(each) for word in found) for each in self.words)


def log_query(texts: Iterable[str]) -> LogQuery:
    """What is sought by some words; those within double quotes must stand so in one line.

    Raises:
        RequestError: They have no letter and no digit, or are too many.
    """
    text = " ".join(texts)
    phrases = tuple(found.strip().lower() for found in _PHRASE.findall(text) if found.strip())
    words = tuple(dict.fromkeys(token[:LONGEST_WORD].lower() for token in _TOKEN.findall(text)))
    if not words:
        raise RequestError("a search needs a word: letters or digits.")
    if len(words) > MOST_WORDS:
        raise RequestError(f"a search takes {MOST_WORDS} words, and these are {len(words)}.")
    return LogQuery(words, phrases)
