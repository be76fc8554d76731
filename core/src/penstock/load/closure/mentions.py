"""What the text of a file names that may be other files: modules, and words that may be paths or parts of them."""

import re
from typing import NamedTuple

_TAKEN = r"((?:[^\n;#\\]|\\\n)*)"  # the rest of a statement, over lines that are joined by a backslash
_FROM = re.compile(
    rf"(?:^|[;:])[ \t]*from[ \t]+(\.*)((?:\w[\w.]*)?)[ \t]+import[ \t]*(?:\(([^)]*)\)|{_TAKEN})", re.MULTILINE
)
_IMPORT = re.compile(rf"(?:^|[;:])[ \t]*import[ \t]+{_TAKEN}", re.MULTILINE)
_VALUE = re.compile(r"%(?:\(\w+\))?[a-zA-Z]|\$\w+")  # what is put in at run time: of a format, or of a shell
_WORD = re.compile(r"[\w./-]+")
_BOUNDS = frozenset("\"'{}*")
_BY_NAME = ("import_module", "__import__", "find_spec")


class Mentions(NamedTuple):
    """What a text names.

    Attributes:
        imports: Of each import statement: the dots before its module, the module, and the names that it takes from it.
        modules: Texts that may name a module, if the text imports any by name.
        endings: Words with a dot, which may be the end of a file's path.
        words: Words that may be the whole path of a folder, or of a file without an ending.
    """

    imports: frozenset[tuple[int, str, tuple[str, ...]]]
    modules: frozenset[str]
    endings: frozenset[str]
    words: frozenset[str]


def mentions(text: str, *, is_python: bool) -> Mentions:
    """Find what a text names.

    Args:
        text: The text; nothing of it is run.
        is_python: Whether it is Python, whose import statements name modules.
    """
    imports: set[tuple[int, str, tuple[str, ...]]] = set()
    if is_python:
        for dots, module, listed, rest in _FROM.findall(text):
            imports.add((len(dots), module, tuple(re.findall(r"\w+", listed or rest))))
        for rest in _IMPORT.findall(text):
            imports |= {(0, module, ()) for module in re.findall(r"[\w.]+", rest)}
    endings, words = _words(_VALUE.sub("*", text))
    by_name = is_python and any(each in text for each in _BY_NAME)
    modules = {word for word in words if "/" not in word} if by_name else set()
    return Mentions(frozenset(imports), frozenset(modules), frozenset(endings), frozenset(words))


def _words(text: str) -> tuple[set[str], set[str]]:
    endings: set[str] = set()
    words: set[str] = set()
    for match in _WORD.finditer(text):
        start, end = match.span()
        word = match[0]
        begins, ends = text[start - 1 : start] in _BOUNDS, text[end : end + 1] in _BOUNDS
        if "/" in word or (begins and ends):
            words.add(word)
        if "." in word and (begins or word[0] != "."):  # else it is an attribute of what stands before it
            endings.add(word)
    return endings, words
