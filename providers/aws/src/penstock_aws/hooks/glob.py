r"""Globs over keys: ``*`` and ``?`` stop at ``/``, ``**`` crosses it, ``[abc]``, ``[a-z]``, ``[!a]`` are one character.

``**/`` is any number of folders, none included, so ``a/**/b`` finds ``a/b`` and ``a/x/y/b``. A character that has a
meaning is taken literally in brackets: ``[*]``. Brackets with anything else in them stand for themselves as well, as
keys such as ``report[1].csv`` are common: ``report[1].csv`` finds that key and ``report1.csv``. Everything is
case-sensitive, as keys are.
"""

import re
from functools import lru_cache

_SPECIAL = re.compile(r"[*?\[]")
_SLASH_IN_BRACKETS = re.compile(r"\[[^\]]*/")
_LAST = "\U0010ffff"
_ANY, _ACROSS, _FOLDERS = "[^/]*", ".*", "(?:.*/)?"
_SHORTEST = {_ANY: "[^/]*?", _ACROSS: ".*?", _FOLDERS: "(?:.*?/)??"}
_ESCAPED = ("*", "?", "[")  # a character that is taken literally


def is_glob(pattern: str) -> bool:
    """Whether the pattern has a character with a meaning."""
    return _SPECIAL.search(pattern) is not None


def has_wildcard(pattern: str) -> bool:
    """Whether the pattern has a ``*`` or ``?``, which mean nothing but a pattern."""
    return "*" in pattern or "?" in pattern


def literal_prefix(pattern: str) -> str:
    """What every key that matches begins with."""
    found = _SPECIAL.search(pattern)
    return pattern[: found.start()] if found else pattern


@lru_cache(maxsize=256)
def glob_regex(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression for whole keys, which needs no more than their length times that of it.

    A wildcard takes as little as what stands behind it, up to the next wildcard, permits, and is not asked again if
    that one can take the rest: a key of many dashes would hold up ``*-*-*-*.csv`` for minutes otherwise.
    """
    groups, at = [["", ""]], 0  # a wildcard, and what stands behind it
    while at < len(pattern):
        piece, at = _translate(pattern, at)
        if piece in _SHORTEST:
            groups.append([piece, ""])
        else:
            groups[-1][1] += piece
    out = [groups[0][1]]
    for number, (wildcard, behind) in enumerate(groups[1:], start=2):
        following = groups[number][0] if number < len(groups) else ""
        settled = following and "(?:" not in behind and (wildcard == _ANY or following != _ANY)
        out.append(f"(?>{_SHORTEST[wildcard]}{behind})" if settled else wildcard + behind)
    return re.compile("".join(out), re.DOTALL)


def _translate(pattern: str, at: int) -> tuple[str, int]:
    """The regular expression of the piece at ``at``, and where the next piece begins."""
    if pattern.startswith("**/", at) and (at == 0 or pattern[at - 1] == "/"):
        return _FOLDERS, at + 3
    if pattern.startswith("**", at):
        return _ACROSS, at + 2
    if pattern[at] == "*":
        return _ANY, at + 1
    if pattern[at] == "?":
        return "[^/]", at + 1
    end = pattern.find("]", at + 2 + pattern.startswith("[!", at)) if pattern[at] == "[" else -1
    if end < 0:
        return re.escape(pattern[at]), at + 1
    body = pattern[at + 1 : end]
    one = _bracket(body)
    return (one if body in _ESCAPED else f"(?:{one}|{re.escape(f'[{body}]')})"), end + 1


def _bracket(body: str) -> str:
    """One character of a set or, after ``!``, one that is not in it; never a ``/``."""
    negated, body = body.startswith("!"), body.removeprefix("!")
    parts, at = [], 0
    while at < len(body):
        if body[at + 1 : at + 2] == "-" and at + 2 < len(body):
            low, high = body[at], body[at + 2]
            if low <= high:
                parts.append(f"{re.escape(low)}-{re.escape(high)}")
            at += 3
        else:
            parts.append(re.escape(body[at]))
            at += 1
    if negated:
        return f"[^/{''.join(parts)}]"
    return f"(?!/)[{''.join(parts)}]" if parts else "(?!)"


def skip_after(pattern: str, key: str) -> str:
    """The greatest known name such that no key after ``key`` and up to it matches: where a listing may go on.

    Keys come in the order of their code points (which is that of their UTF-8 bytes). When a listing has come to
    ``key``, what follows is passed over as far as the pattern cannot match there: the rest of a folder, a folder whose
    name does not match, names before the first that can match. The answer is ``key`` itself when there is nothing to
    pass over; it is never before it.
    """
    if _SLASH_IN_BRACKETS.search(pattern):
        return key
    folder, rest = "", key
    segments = pattern.split("/")
    for depth, wanted in enumerate(segments, start=1):
        if "**" in wanted:
            return key
        here, slash, below = rest.partition("/")
        literal = literal_prefix(wanted)
        if here > literal and not here.startswith(literal):
            return max(key, folder + _LAST)
        if here < literal:
            return max(key, _just_before(folder + literal))
        if not slash:
            return key
        if depth == len(segments) or not glob_regex(wanted).fullmatch(here):
            return max(key, folder + here + "/" + _LAST)
        folder, rest = folder + here + "/", below
    return key


def _just_before(name: str) -> str:
    """A name before ``name`` with no key of interest between the two; "" if none can be written."""
    previous = ord(name[-1]) - 1
    return "" if previous < 0 or 0xD800 <= previous <= 0xDFFF else name[:-1] + chr(previous) + _LAST
