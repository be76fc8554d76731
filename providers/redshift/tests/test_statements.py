"""Scripts are taken apart where Redshift would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_redshift.hooks.statements import first_word, split_statements


@pytest.mark.parametrize(
    ("script", "statements"),
    [
        pytest.param("SELECT 1", ["SELECT 1"], id="one"),
        pytest.param("SELECT 1; SELECT 2;\n", ["SELECT 1", "SELECT 2"], id="two"),
        pytest.param("SELECT ';'; SELECT 2", ["SELECT ';'", "SELECT 2"], id="in a text"),
        pytest.param("SELECT 'it''s; so'; x", ["SELECT 'it''s; so'", "x"], id="doubled quote"),
        pytest.param(r"SELECT 'it\'s; so'; x", [r"SELECT 'it\'s; so'", "x"], id="quote behind a backslash"),
        pytest.param('SELECT "a;b"; x', ['SELECT "a;b"', "x"], id="in a name"),
        pytest.param("SELECT $$a;b$$; x", ["SELECT $$a;b$$", "x"], id="in dollars"),
        pytest.param("SELECT $q$a;$$;b$q$; x", ["SELECT $q$a;$$;b$q$", "x"], id="in tagged dollars"),
        pytest.param("SELECT $p1_ä$a;$$;b$p1_ä$; x", ["SELECT $p1_ä$a;$$;b$p1_ä$", "x"], id="any tag"),
        pytest.param("SELECT a$b$c; x$$, $$;$$", ["SELECT a$b$c", "x$$, $$;$$"], id="dollars in a name"),
        pytest.param("SELECT 1 -- a;b\n; x", ["SELECT 1 -- a;b", "x"], id="in a line comment"),
        pytest.param("SELECT /* a; /* b; */ c; */ 1; x", ["SELECT /* a; /* b; */ c; */ 1", "x"], id="nested comment"),
        pytest.param("-- nothing\n;;/* at all */;", [], id="nothing"),
        pytest.param("SELECT $1; x", ["SELECT $1", "x"], id="a dollar is no quote"),
    ],
)
def test_a_script_is_split_at_its_own_semicolons(script, statements):
    assert split_statements(script) == statements


@pytest.mark.parametrize("script", ["SELECT 1;\nSELECT 'a; b", 'a\n"b', "a\n/* b", "a\n$$ b", "a;\n$x$ b $$"])
def test_what_is_never_closed_is_told_with_its_line(script):
    with pytest.raises(ValueError, match=r"line 2: .* is never closed"):
        split_statements(script)


PIECES = st.sampled_from(["a", " ", "\n", "'x;y'", "'it''s'", '"q;r"', " $$;$$", " $t1$;$t1$", "/*;*/", "1", " a$b$c"])


@given(st.lists(st.lists(PIECES, min_size=1).map("".join).filter(lambda s: s.strip("/*;\n ") != ""), max_size=5))
def test_statements_joined_by_semicolons_come_apart_again(statements):
    assert split_statements(";".join(statements)) == [each.strip() for each in statements if each.strip()]


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("select 1", "SELECT"),
        ("-- x\n/* y */ copy t", "COPY"),
        ("(select 1)", "SELECT"),
        ("/* a /* b */ select */ truncate t", "TRUNCATE"),
        ("/* select", ""),
        ("-- select", ""),
        ("", ""),
        ("1", ""),
    ],
)
def test_the_first_word_is_found_behind_comments(statement, word):
    assert first_word(statement) == word
