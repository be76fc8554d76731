"""What the text of a file names that may be other files: modules, and words that may be paths or parts of them."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_LONGEST = 4_000
_BEFORE = 200
"""Characters that are looked at after and before the word ``import``: a text of nothing else must not be read anew for each."""
_FROM = re.compile(r"(?:^|[;:])[ \t]*from[ \t]+(\.*)((?:\w[\w.]*)?)[ \t]+$")
_STATEMENT = re.compile(r"(?:^|[;:])[ \t]*$")
# In parentheses, or to the end of the line and of those that a backslash joins to it.
_IMPORTED = re.compile(rf"[ \t]*\(([^)]{{0,{_LONGEST}}})|[ \t]+((?:[^\n;#\\]|\\\n){{0,{_LONGEST}}})")
_VALUE = re.compile(r"%(?:\(\w+\))?[a-zA-Z]|\$\w+")  # what is put in at run time: of a format, or of a shell
_WORD = re.compile(r"""(["'{}*]?)([\w./-]+)(?=(["'{}*]?))""")
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
    endings, words = _words(_VALUE.sub("*", text) if "%" in text or "$" in text else text)
    by_name = is_python and any(each in text for each in _BY_NAME)
    modules = {word for word in words if "/" not in word} if by_name else set()
    imports = frozenset(_imports(text) if is_python else ())
    return Mentions(imports, frozenset(modules), frozenset(endings), frozenset(words))


def _imports(text: str) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    start = text.find("import")
    while start >= 0:
        end = start + len("import")
        near = max(0, start - _BEFORE)
        before = text[max(near, text.rfind("\n", near, start) + 1) : start]
        source = _FROM.search(before)
        if (source or _STATEMENT.search(before)) and (imported := _IMPORTED.match(text, end)):
            taken, end = imported[1] or imported[2] or "", imported.end()
            if source:
                yield len(source[1]), source[2], tuple(re.findall(r"\w+", taken))
            else:
                yield from ((0, module, ()) for module in re.findall(r"[\w.]+", taken))
        start = text.find("import", end)


def _words(text: str) -> tuple[set[str], set[str]]:
    endings: set[str] = set()
    words: set[str] = set()
    for begins, word, ends in set(_WORD.findall(text)):
        if "/" in word or (begins and ends):
            words.add(word)
        if "." in word and (begins or word[0] != "."):  # else it is an attribute of what stands before it
            endings.add(word)
    return endings, words
