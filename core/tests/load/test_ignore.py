import pytest

from penstock.load.ignore import is_ignored, patterns_of


@pytest.mark.parametrize(
    ("name", "lines", "expected"),
    [
        ("a.py", "a.py", True), ("sub/a.py", "a.py", True), ("sub/a.py", "sub/*.py", True), ("sub/a.py", "/a.py", False),
        ("x/sub/a.py", "sub/", True), ("sub.py", "sub/", False), ("a.py", "b*", False), ("a.py", "*.py\n!a.py", False),
        ("d/a.py", "d/\n!d/a.py", True), ("x/y/z/a.py", "x/**/a.py", True), ("x/a.py", "x/**/a.py", True), ("x/b.py", "x/**", True),
        ("x.py", "x.py/**", False), ("a/b/c/a/b/d.py", "**/a/b/d.py", True), ("a/b/d.py", "a/**/b/**/d.py", True),
        ("a[1].py", r"a\[1\].py", True), ("a1.py", "a[!0-9].py", False), ("ab.py", "a[^0-9].py", True), ("a.py", "[z-a].py", False),
        ("a.py", "[", False), ("[.py", "[.py", True), ("q/x/y.py", "q/*", True), ("#a.py", r"\#a.py", True), ("!a.py", r"\!a.py", True),
        ("é.py", "?.py", True), ("a.py", "# a.py\n\n  ", False), ("a.py", "\ufeffa.py", True), ("a.py", "a.py  ", True),
        ("a.py", "!", False),        ("A.py", "a.py", False), ("a.py", "/", False), ("a" * 200 + ".py", "*a*a*a*a*a*a*a*a*a*b", False),
        ("/".join("a" * 100) + ".py", "/".join(["**", "a"] * 50) + "/b", False),
    ],
)  # fmt: skip
def test_patterns_have_gits_meaning_and_none_takes_long(name, lines, expected):
    assert is_ignored(name, {"": tuple(patterns_of(lines))}) is expected


def test_the_file_of_a_folder_counts_below_it_and_after_those_above():
    ignore = {"": tuple(patterns_of("*.py")), "team/": tuple(patterns_of("!a.py\n/b/c.py"))}
    names = ["a.py", "team/a.py", "team/c.py", "team/b/a.py", "team/b/c.py"]
    assert [name for name in names if not is_ignored(name, ignore)] == ["team/a.py", "team/b/a.py"]
