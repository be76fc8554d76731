"""Patterns in linear time: they mean what `re` says they mean, none takes long, and what cannot be done so is refused."""

import re
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.model.patterns.construct import Construct, PatternError
from penstock.model.patterns.pattern import Pattern, expression_fault, pattern_of

ATOMS = [
    "", "a", "ab", "_", "1", " ", ".", "\\n", "é", "ß", "\u0131", "İ", "\u017f", "K", "\u212a", "Σ", "µ", "\U00010428",
    r"\w", r"\W", r"\d", r"\D", r"\s", r"\S", "[ab]", "[^a]", "[a-k]", r"[^\w]", "[\U00010400-\U00010410]", r"[\d_-]",
    "^", "$", r"\A", r"\Z", r"\b", r"\B", "(?m:^)", "(?m:$)", "(?s:.)", r"(?a:\w)", r"(?a:\b)", "(?i:k)", "(?i:\u017f)",
    "(?i:[a-k])", "(?i:[^k-s])", "(?i:\u0130)", "(?i:[\U00010400-\U00010410])", "(?-i:k)", "(?P<n>a)", "(?#b)", r"\x61",
]  # fmt: skip
REPEATS = ["*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{0,2}?", "{2,}", "{,2}"]
PATTERNS = st.builds(
    "{}{}".format,
    st.sampled_from(["", "", "(?i)", "(?m)", "(?s)", "(?a)", "(?x)", "(?ia)", "(?im)"]),
    st.recursive(
        st.sampled_from(ATOMS),
        lambda inner: st.one_of(
            st.builds("{}{}".format, inner, inner),
            st.builds("(?:{}|{})".format, inner, inner),
            st.builds("({})".format, inner),
            st.builds("(?:{}){}".format, inner, st.sampled_from(REPEATS)),
        ),
        max_leaves=6,
    ),
)
TEXTS = st.text("abckKsS\u017f\u0131İi\u212aéÉß1_ \n\tµ\u039cμΣς\u03c3\U00010428\U00010400", max_size=7)


def _compiled(text):
    try:
        return re.compile(text)
    except re.error:  # two groups of one name
        return None


@given(PATTERNS.map(_compiled).filter(bool), st.lists(TEXTS, min_size=1, max_size=4))
def test_a_pattern_means_what_the_standard_library_says(expected, texts):
    assert [Pattern(expected.pattern).is_in(each) for each in texts] == [bool(expected.search(each)) for each in texts]


def test_every_character_has_the_case_that_the_standard_library_gives_it():
    characters = [chr(code) for code in range(0x250)] + list("ΐΰϐϑϕϖϰϱϵẛẞιᾳﬅﬆ\u1c80Ა\U00010400\U0001e900")
    for text in (
        "(?i)[a-zß-ÿ\u017f]",
        "(?i)\u017f",
        "(?i)[^k]",
        "(?i)\u03b9",
        "(?ia)[k-s]",
        "(?i)ẞ",
        "(?i)[\u0400-\U0001ffff]",
        r"(?i)[\w-]",
    ):
        expected, pattern = re.compile(text), Pattern(text)
        assert [c for c in characters if pattern.is_in(c)] == [c for c in characters if expected.search(c)], text


# A pattern, a text on which `re` takes ages, and the moves that it may take here: a few for each character.
BOMBS = [
    ("^(a+)+$", "a" * 1000 + "!", 7),
    ("^(a*)*$", "a" * 1000 + "!", 7),
    ("^(a|a)+$", "a" * 1000 + "!", 8),
    ("^(a|aa)+$", "a" * 1000 + "!", 9),
    ("^(.*a){12}$", "a" * 1000 + "!", 60),
    ("(x+x+)+y", "x" * 1000, 15),
    (r"(\w+\s?)*!$", "word " * 200 + "?", 9),
    (r"^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 1000, 12),
    ("^(?:a?){100}a{100}$", "a" * 100, 300),
    (r"^([a-zA-Z0-9])(([\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+$", "a" * 1000 + "!", 16),
    ("(?i)^(\u017f|s)+$", "s" * 1000 + "!", 8),
    ("[a-z]{50}1", "a" * 1000, 60),
]


@pytest.mark.parametrize(("text", "searched", "most"), BOMBS, ids=[each[0] for each in BOMBS])
def test_no_pattern_takes_more_than_its_size_at_each_character(text, searched, most):
    moves = []
    assert not Pattern(text).is_in(searched, moves.append) or "{100}" in text
    assert len(moves) <= len(searched) + 1
    assert max(moves) <= most


def test_whoever_counts_the_moves_ends_the_search():
    with pytest.raises(InterruptedError):
        Pattern("b").is_in("a" * 1000, _refuse)


def _refuse(_moves):
    raise InterruptedError


REFUSED = [
    (r"(a)\1", Construct.GROUP_AGAIN),
    ("(?P<n>a)(?P=n)", Construct.GROUP_AGAIN),
    ("(a)?(?(1)b|c)", Construct.CONDITIONAL),
    ("^(?=.*a)", Construct.AHEAD),
    ("^(?!test)", Construct.NOT_AHEAD),
    ("a(?!)", Construct.NOT_AHEAD),
    ("(?<=a)b", Construct.BEHIND),
    ("(?<!a)b", Construct.BEHIND),
    ("(?>a+)b", Construct.ATOMIC),
    ("a*+b", Construct.ATOMIC),
    ("a{2,3}+b", Construct.ATOMIC),
    ("(?:a{1,1000}){1,1000}", Construct.LONG),
    ("a{60000}", Construct.LONG),
    ("(?:a*){0,5000}", Construct.LONG),
    ("a" * 10_001, Construct.LONG),
    ("(?i)" + "[\u0000-\uffff]" * 10, Construct.LONG),
    ("(" * 60 + ")" * 60, Construct.DEEP),
    ("(" * 3000 + ")" * 3000, Construct.DEEP),
    ("(", Construct.MALFORMED),
    ("a{1,1000}{1,1000}", Construct.MALFORMED),
    ("a{99999999999}", Construct.MALFORMED),
    ("a{" + "9" * 5000 + "}", Construct.MALFORMED),
]


@pytest.mark.parametrize(("text", "construct"), REFUSED, ids=lambda each: str(each)[:30])
def test_what_takes_more_than_linear_time_or_too_much_room_is_refused(text, construct):
    with pytest.raises(PatternError, match=re.escape(construct)) as caught:
        Pattern(text)
    assert caught.value.construct is construct


def test_every_construct_is_refused_by_a_row_above():
    assert {construct for _, construct in REFUSED} == {*Construct}


@pytest.mark.parametrize("text", ["(?:){60000}", "(?:(?:){60000}){60000}", "(?:(?:()){0,9}){60000}"])
def test_repeats_of_nothing_are_nothing(text):
    assert Pattern(text).is_in("")


def test_a_pattern_is_read_once():
    assert pattern_of("once") is pattern_of("once")


@pytest.mark.parametrize(
    ("text", "told"), [("[a-z]", ""), (r"(a)\1(?=b)", ""), ("(", "missing )"), ("(" * 9000, "too deep")]
)
def test_an_expression_is_one_of_the_standard_library(text, told):
    with warnings.catch_warnings(action="error"):
        found = expression_fault(text)
    assert told in found
    assert bool(told) == bool(found)
