"""Regular expressions of Python's language that never take long: for patterns that one person wrote and texts that another sends.

`re` tries one way after the other, so that ``^(a+)+$`` takes 2**n ways through n characters, and lets nothing else of the
process run meanwhile. Here all ways are gone at once (Thompson 1968; Cox, "Regular Expression Matching Can Be Simple And
Fast"): a search takes at most characters times states. It answers whether there is a match, and nothing else.

Patterns are read by the parser of the standard library, ``re._parser``, and what is to be one character (a literal, a
class, with or without case) is judged by what ``re._compiler`` makes of that part alone: both mean here what they mean in
`re`, and one character leaves `re` nothing to go back to. Neither has a public name; tests hold what they give on each
Python that is supported.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from re import _compiler, _parser  # type: ignore[attr-defined]  # no public name, and no stubs: see above
from typing import Any, NamedTuple

from penstock.model.patterns.construct import Construct, PatternError

MOST_PARTS = 10_000
"""Parts of a pattern, at most, each repeat written out as often as it is counted: ``[a-z]{1,100}`` has about 300."""

DEEPEST = 50
"""How deep groups and repeats may lie in each other."""

KEPT = 16
"""Patterns that are kept as they were read, at most: each takes up to about two megabytes."""

_UNBOUNDED = int(_parser.MAXREPEAT)
_TYPES = re.ASCII | re.LOCALE | re.UNICODE
_LAST_INDEXED = 0xFFFF  # characters up to this one are listed by `re` for classes that ignore case
_CHARACTERS = ("LITERAL", "NOT_LITERAL", "ANY", "IN")
_REFUSED = {
    "GROUPREF": Construct.GROUP_AGAIN,
    "GROUPREF_EXISTS": Construct.CONDITIONAL,
    "ATOMIC_GROUP": Construct.ATOMIC,
    "POSSESSIVE_REPEAT": Construct.ATOMIC,
}
_EMPTY_HAS_NO_BOUNDARY = re.search(r"\B", "") is not None  # from Python 3.14 on


def _nothing(_moves: int) -> None:
    """Count nothing."""


class _Character(NamedTuple):
    """A state that is left with a character."""

    fits: Callable[[str], object]
    after: int


class _Place(NamedTuple):
    """A state that is left without a character at some places alone."""

    holds: Callable[[str, int], bool]
    after: int


class _Branch(NamedTuple):
    """A state that is left without a character, to several others."""

    after: tuple[int, ...]


_State = _Character | _Place | _Branch | None  # None is the end: there is a match


class Pattern:
    """A regular expression.

    Args:
        text: As an author wrote it.

    Raises:
        PatternError: It is none, or has what takes more than linear time, or too much of anything.
    """

    def __init__(self, text: str) -> None:
        program = _Program()
        self._start = program.sequence(_read(text), 0)
        self._states: Sequence[_State] = tuple(program.states)
        first = self._states[self._start]
        self._anchored = isinstance(first, _Place) and first.holds is _at_start

    def is_in(self, text: str, spend: Callable[[int], None] = _nothing) -> bool:
        """Whether the text has a match anywhere, as `re.search` says.

        Args:
            text: The text.
            spend: Is told of the moves that each character takes; what it raises ends the search.
        """
        here: list[int] = []
        for at in range(len(text) + 1):
            if at == 0 or not self._anchored:
                here.append(self._start)
            if not here:
                return False
            takes, moves = self._reached(here, text, at)
            if takes is None:
                return True
            spend(moves)
            if at < len(text):
                character = text[at]
                here = [take.after for take in takes if take.fits(character)]
        return False

    def _reached(self, here: list[int], text: str, at: int) -> tuple[list[_Character] | None, int]:
        """Go on from states, which are used up, as far as no character is needed: None if that is the end; how many moves it took."""
        states, takes, seen = self._states, list[_Character](), set[int]()
        while here:
            number = here.pop()
            if number in seen:
                continue
            seen.add(number)
            state = states[number]
            if state is None:
                return None, len(seen)
            if isinstance(state, _Character):
                takes.append(state)
            elif isinstance(state, _Branch):
                here += state.after
            elif state.holds(text, at):
                here.append(state.after)
        return takes, len(seen)


@lru_cache(KEPT)
def pattern_of(text: str) -> Pattern:
    """Read a pattern, or return it as it was read before; raises PatternError as `Pattern` does."""
    return Pattern(text)


def expression_fault(text: str) -> str:
    """Say why a text is no regular expression of Python's language; "" if it is one, whatever it takes to search for it."""
    try:
        _read(text)
    except PatternError as error:
        return str(error)
    return ""


def _read(text: str) -> Any:  # noqa: ANN401 - the parser has no types
    """Parse a pattern: a sequence of pairs of an operation and what it is done with."""
    if len(text) > MOST_PARTS:
        raise PatternError(Construct.LONG, f": it has {len(text):,} characters, and {MOST_PARTS:,} are allowed")
    try:
        return _parser.parse(text)
    except RecursionError as error:
        raise _too_deep() from error
    except (re.error, ValueError, OverflowError) as error:
        raise PatternError(Construct.MALFORMED, f": {error}") from error


def _too_deep() -> PatternError:
    return PatternError(Construct.DEEP, f": groups and repeats may lie {DEEPEST} deep in each other")


class _Program:
    """States, made from the last to the first: each knows where it goes on."""

    def __init__(self) -> None:
        self.states: list[_State] = [None]
        self._parts = 0
        self._fits: dict[tuple[int, int], Callable[[str], object]] = {}

    def sequence(self, parsed: Any, after: int, flags: int | None = None, depth: int = 0) -> int:  # noqa: ANN401 - as `_read`
        """Make the states of a sequence; returns the number of the first.

        Args:
            parsed: The sequence.
            after: The number of the state that follows it.
            flags: Those that count here; None for those of the whole pattern.
            depth: How many groups and repeats it lies in.
        """
        if depth > DEEPEST:
            raise _too_deep()
        flags = parsed.state.flags if flags is None else flags
        for item in reversed(parsed.data):
            after = self._item(item, after, flags, depth)
        return after

    def _item(self, item: tuple[Any, Any], after: int, flags: int, depth: int) -> int:
        self._count(1)
        operation, given = str(item[0]), item[1]
        if operation in _CHARACTERS:
            return self._add(_Character(self._character(item, flags), after))
        if operation == "SUBPATTERN":
            _, more, fewer, inner = given
            kept = flags & ~_TYPES if more & _TYPES else flags
            return self.sequence(inner, after, (kept | more) & ~fewer, depth + 1)
        if operation == "BRANCH":
            ways = [self.sequence(each, after, flags, depth + 1) for each in given[1]]
            return self._add(_Branch(tuple(ways)))
        if operation in ("MAX_REPEAT", "MIN_REPEAT"):
            return self._repeat(given, after, flags, depth + 1)
        if operation == "AT":
            return self._add(_Place(_place(str(given), flags), after))
        if operation in ("ASSERT", "ASSERT_NOT"):
            ahead = Construct.AHEAD if operation == "ASSERT" else Construct.NOT_AHEAD
            raise PatternError(ahead if given[0] > 0 else Construct.BEHIND)
        if operation == "FAILURE":  # what the parser makes of (?!)
            raise PatternError(Construct.NOT_AHEAD)
        raise PatternError(_REFUSED.get(operation, Construct.MALFORMED))

    def _repeat(self, given: tuple[Any, Any, Any], after: int, flags: int, depth: int) -> int:
        least, most, body = given
        if int(most) == _UNBOUNDED:
            first = self._add(None)
            self.states[first] = _Branch((self.sequence(body, first, flags, depth), after))
        else:
            first = after
            for _ in range(int(most) - int(least)):
                inner = self.sequence(body, first, flags, depth)
                if inner == first:
                    break  # there is nothing in it
                first = self._add(_Branch((inner, after)))
        for _ in range(int(least)):
            before, first = first, self.sequence(body, first, flags, depth)
            if first == before:
                break  # as above
        return first

    def _add(self, state: _State) -> int:
        self._count(1)
        self.states.append(state)
        return len(self.states) - 1

    def _count(self, parts: int) -> None:
        self._parts += parts
        if self._parts > MOST_PARTS:
            raise PatternError(Construct.LONG, f": with each repeat written out it has more than {MOST_PARTS:,} parts")

    def _character(self, item: tuple[Any, Any], flags: int) -> Callable[[str], object]:
        """What says whether a character fits; one for all copies of a repeat."""
        key = id(item), flags
        if key not in self._fits:
            if flags & re.IGNORECASE and str(item[0]) == "IN":
                listed = (given for operation, given in item[1] if str(operation) == "RANGE")
                self._count(sum(max(0, min(last, _LAST_INDEXED) - first) // 64 for first, last in listed))
            self._fits[key] = _fits(item, flags)
        return self._fits[key]


def _fits(item: tuple[Any, Any], flags: int) -> Callable[[str], object]:
    state = _parser.State()
    state.flags, state.str = flags, ""
    compiled: re.Pattern[str] = _compiler.compile(_parser.SubPattern(state, [item]))
    return compiled.match


def _place(name: str, flags: int) -> Callable[[str, int], bool]:
    lines = bool(flags & re.MULTILINE)
    if name == "AT_BEGINNING_STRING" or (name == "AT_BEGINNING" and not lines):
        return _at_start
    if name == "AT_BEGINNING":
        return _at_line_start
    if name == "AT_END":
        return _at_line_end if lines else _at_last_end
    if name == "AT_END_STRING":
        return _at_end
    of_word = re.compile(r"\w", flags & (re.ASCII | re.UNICODE)).match
    if name == "AT_BOUNDARY":
        return lambda text, at: _parted(of_word, text, at)
    return lambda text, at: (bool(text) or _EMPTY_HAS_NO_BOUNDARY) and not _parted(of_word, text, at)


def _parted(of_word: Callable[[str], object], text: str, at: int) -> bool:
    before = at > 0 and bool(of_word(text[at - 1]))
    return before != (at < len(text) and bool(of_word(text[at])))


def _at_start(_text: str, at: int) -> bool:
    return at == 0


def _at_line_start(text: str, at: int) -> bool:
    return at == 0 or text[at - 1] == "\n"


def _at_end(text: str, at: int) -> bool:
    return at == len(text)


def _at_line_end(text: str, at: int) -> bool:
    return at == len(text) or text[at] == "\n"


def _at_last_end(text: str, at: int) -> bool:
    return at == len(text) or (at == len(text) - 1 and text[at] == "\n")
