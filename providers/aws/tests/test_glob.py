"""Globs mean what they say, and a listing never passes over a key that matches."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_aws.hooks.glob import glob_regex, is_glob, literal_prefix, skip_after


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("a/b", "a/b", True),
        ("a/*", "a/b", True),
        ("a/*", "a/", True),
        ("a/*", "a/b/c", False),
        ("*", "a/b", False),
        ("**", "a/b/c", True),
        ("a/**", "a/b/c", True),
        ("a/**/c", "a/c", True),
        ("a/**/c", "a/b/b/c", True),
        ("a/**/c", "a/bc", False),
        ("a**c", "a/b/c", True),
        ("**/_SUCCESS", "_SUCCESS", True),
        ("**/_SUCCESS", "x/y/_SUCCESS", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("dt=2026-*/_SUCCESS", "dt=2026-01-01/_SUCCESS", True),
        ("dt=2026-*/_SUCCESS", "dt=2026-01-01/x/_SUCCESS", False),
        ("part-[0-9][0-9].csv", "part-07.csv", True),
        ("part-[0-9].csv", "part-a.csv", False),
        ("[!a]b", "cb", True),
        ("[!a]b", "ab", False),
        ("[!a]b", "/b", False),
        ("a[/]b", "a/b", False),
        ("a[1].csv", "a[1].csv", True),
        ("a[1].csv", "a1.csv", True),
        ("a[1].csv", "a2.csv", False),
        ("d[!a]/*", "d[!a]/x", True),
        ("[*]", "[*]", False),
        ("[*]", "*", True),
        ("[*]", "x", False),
        ("[]]", "]", True),
        ("[a-]", "-", True),
        ("a[", "a[", True),
        ("a[b", "a[b", True),
        ("a.c", "abc", False),
        ("a+(b)", "a+(b)", True),
        ("A", "a", False),
        ("é*", "éa", True),
        ("a*\n", "ab\n", True),
        ("**a*b", "a/ab", True),
        ("*[ab]*b]", "x[ab]", True),
        ("**a/**/b/*c", "xa/a/b/b/dc", True),
        ("*a*ab", "aab", True),
    ],
)
def test_a_pattern_matches_whole_keys(pattern, key, matches):
    assert (glob_regex(pattern).fullmatch(key) is not None) is matches


@pytest.mark.parametrize(
    ("pattern", "prefix", "glob"),
    [
        ("a/b", "a/b", False),
        ("a/b*c", "a/b", True),
        ("a/b[0-9]", "a/b", True),
        ("a/?", "a/", True),
        ("a/[1]", "a/", True),
        ("**", "", True),
    ],
)
def test_the_literal_prefix_ends_at_the_first_special_character(pattern, prefix, glob):
    assert (literal_prefix(pattern), is_glob(pattern)) == (prefix, glob)


ALPHABET = "ab!0_/[]"
KEYS = st.lists(st.text(ALPHABET, min_size=1, max_size=8), max_size=40, unique=True)
PATTERNS = st.lists(
    st.sampled_from(["a", "b", "!", "0", "_", "/", "/", "*", "?", "**", "**/", "[ab]", "[!a]", "[0-9]", "[/a]"]),
    min_size=1,
    max_size=7,
).map("".join)


def reference(pattern):
    """A second translation, piece by piece, which shares no code with the first."""
    out = ""
    for found in re.finditer(r"\*\*/|\*\*|\*|\?|\[!?[^\]]+\]|.", pattern):
        piece, starts_segment = found[0], pattern[: found.start()].endswith("/") or found.start() == 0
        if piece == "**/":
            out += "(?:[^/]*/)*" if starts_segment else "(?:.*)/"
        elif piece == "**":
            out += "(?:.*)"
        elif piece == "*":
            out += "(?:[^/]*)"
        elif piece == "?":
            out += "(?:[^/])"
        elif piece.startswith("["):
            body = piece.strip("[]").lstrip("!").replace("/", "")
            one = f"[^/{body}]" if piece.startswith("[!") else f"[{body}]"
            out += f"(?:{one}|{re.escape(piece)})"
        else:
            out += re.escape(piece)
    return re.compile(out, re.DOTALL)


@given(PATTERNS, KEYS)
def test_a_glob_equals_a_second_translation_of_it(pattern, keys):
    ours = {key for key in keys if glob_regex(pattern).fullmatch(key)}

    assert ours == {key for key in keys if reference(pattern).fullmatch(key)}


def listing(keys, prefix, start_after, page_size):
    """What ListObjectsV2 answers: a page of keys in order, and whether there are more."""
    rest = [key for key in keys if key.startswith(prefix) and key > start_after]
    return rest[:page_size], len(rest) > page_size


@given(PATTERNS, KEYS, st.integers(1, 4))
def test_a_listing_that_passes_over_finds_the_same_keys_in_no_more_pages(pattern, keys, page_size):
    keys, prefix = sorted(keys), literal_prefix(pattern)
    found, after, pages, more = [], "", 0, True
    while more:
        page, more = listing(keys, prefix, after, page_size)
        found += [key for key in page if glob_regex(pattern).fullmatch(key)]
        after, pages = skip_after(pattern, page[-1]) if page else after, pages + 1
        assert not page or after >= page[-1]

    assert found == [key for key in keys if glob_regex(pattern).fullmatch(key)]
    under = sum(key.startswith(prefix) for key in keys)
    assert pages <= max(1, -(-under // page_size))


def test_a_key_that_nearly_matches_in_many_ways_holds_nothing_up():
    for pattern, key in (
        ("*-*-*-*-*x", "-" * 1000),
        ("**a**a**a**a**x", "a" * 1000),
        ("**/**/a/**/a/**/x", "a/" * 500),
        ("*a?*a?**/*a?*x", "a" * 1000),
    ):
        assert glob_regex(pattern).fullmatch(key) is None


def test_a_folder_that_cannot_match_costs_one_page():
    keys = [f"events/{day:02}/part-{part:05}" for day in range(3) for part in range(1000)]
    keys = sorted([*keys, *(f"events/{day:02}/_SUCCESS" for day in range(3))])
    after, pages, found, more = "", 0, [], True
    while more:
        page, more = listing(keys, "events/", after, 100)
        found += [key for key in page if glob_regex("events/*/_SUCCESS").fullmatch(key)]
        after, pages = skip_after("events/*/_SUCCESS", page[-1]) if page else after, pages + 1

    assert len(found) == 3
    assert pages <= 4, "a flat listing takes 31"
