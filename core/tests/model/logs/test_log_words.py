"""Lines are found by words, whatever database has the index."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import RequestError
from penstock.model.logs.log_words import LONGEST_WORD, log_query, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "psycopg.errors.DeadlockDetected: deadlock",
            {"psycopg", "errors", "deadlockdetected", "deadlock", "detected"},
        ),
        ("load_orders_3 step_17.py", {"load", "orders", "3", "step", "17", "py"}),
        ("HTTPServer parseURL XMLHttp", {"httpserver", "http", "server", "parseurl", "parse", "url", "xmlhttp", "xml"}),
        ("Straße ÄRGER 日本", {"straße", "ärger", "日本"}),
        ("a" * 100, {"a" * LONGEST_WORD}),
        ("-- \x1b[31m '\" ;", {"31m"}),
        ("", set()),
    ],
)
def test_words_are_runs_of_letters_and_digits_and_humps_of_camel_case(text, words):
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("sought", "line", "found"),
    [
        (["deadlock"], "psycopg.errors.DeadlockDetected", True),
        (["orders"], "task load_orders_3 has ended", True),
        (["ord", "LOAD"], "task load_orders_3 has ended", True),
        (["rders"], "task load_orders_3 has ended", False),
        (["orders", "lost"], "task load_orders_3 has ended", False),
        (['"orders_3 has"'], "task load_orders_3 has ended", True),
        (['"has orders_3"'], "task load_orders_3 has ended", False),
        (['near(".', "AND"], "and near", True),
        (["Straße"], "die STRAßE", True),
    ],
)
def test_a_line_is_found_by_the_beginnings_of_its_words(sought, line, found):
    assert log_query(sought).matches(line) is found


@pytest.mark.parametrize("sought", [[], ["--", '"'], ["w" + str(n) for n in range(99)]])
def test_a_search_without_a_word_or_with_too_many_is_refused(sought):
    with pytest.raises(RequestError, match="a search"):
        log_query(sought)


@given(st.text(max_size=30))
def test_each_text_that_has_a_word_finds_itself(text):
    if words_of(text):
        assert log_query([text.replace('"', " ")]).matches(text.replace('"', " "))
