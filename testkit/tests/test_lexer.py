import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_testkit.redshift.errors import RedshiftError
from penstock_testkit.redshift.lexer import Edits, Kind, statement, statements


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select 1; select 2;", ["select 1", " select 2"]),
        ("select ';' ; /* ; */ select 2 -- ; \n", ["select ';' ", " /* ; */ select 2 -- ; \n"]),
        ("select $$a;b$$", ["select $$a;b$$"]),
        ("select $x$ $$;$$ $x$; ;", ["select $x$ $$;$$ $x$"]),
        (r"select '\';' ", [r"select '\';' "]),
        (r"select '\\' ; select 1", [r"select '\\' ", " select 1"]),
        ("/* only */ -- comment", []),
        ("/* a /* nested */ ; */ select 1", ["/* a /* nested */ ; */ select 1"]),
        ('select "a;b"', ['select "a;b"']),
    ],
    ids=["two", "string", "dollars", "tagged", "escaped", "backslash", "comments", "nested", "identifier"],
)
def test_a_text_splits_at_its_semicolons_alone(text: str, expected: list[str]):
    assert [found.text for found in statements(text)] == expected


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("'it''s'", "it's"),
        (r"'a\tb\\'", "a\tb\\"),
        (r"'l\'auto'", "l'auto"),
        (r"'\101\d\x'", "Adx"),
        ("$$x'y\\n$$", "x'y\\n"),
        ("$t$z$t$", "z"),
    ],
    ids=["quote", "escape", "quote behind a backslash", "octal and others", "dollars", "tag"],
)
def test_a_literal_has_its_value(literal: str, value: str):
    (token,) = statement(literal).tokens
    assert (token.kind, token.value) == (Kind.STRING, value)


@pytest.mark.parametrize("text", ["select 'a", 'select "a', "select /* a"], ids=["string", "identifier", "comment"])
def test_what_is_not_ended_is_an_error(text: str):
    with pytest.raises(RedshiftError, match="unterminated"):
        statements(text)


def test_parameters_are_no_dollar_quotes():
    kinds = [token.kind for token in statement("$1,$2").tokens]
    assert kinds == [Kind.PARAMETER, Kind.SYMBOL, Kind.PARAMETER]


def test_identifiers_fold_to_lower_case_even_within_quotes():
    assert [token.name for token in statement('Ab "Cd" "e""F"').tokens] == ["ab", "cd", 'e"f']


@given(st.text(alphabet="ab1$'\"/*-; \n\\eE#.(),", max_size=40))
def test_tokens_lie_in_order_within_their_statement(text: str):
    try:
        found = statements(text)
    except RedshiftError:
        return
    for each in found:
        assert [each.text[token.start : token.end] for token in each.tokens] == [token.text for token in each.tokens]
        assert Edits(each.text).apply() == each.text
