"""Comments that name the task."""

import base64
import json

import pytest

from penstock_redshift.hooks.tagging import tagged

TAGS = {"app": "penstock", "dag": "it's */ ü", "task": "load", "empty": ""}


def test_nothing_is_added_unless_asked():
    assert tagged("SELECT 1", TAGS, "none") == "SELECT 1"
    assert tagged("SELECT 1", {}, "both") == "SELECT 1"


def test_intermix_stands_before_the_statement_and_holds_json():
    text = tagged("SELECT 1", TAGS, "intermix")
    token, _, rest = text.removeprefix("/* INTERMIX_ID: ").partition(" */ ")

    assert rest == "SELECT 1"
    assert json.loads(base64.b64decode(token)) == {"app": "penstock", "dag": "it's */ ü", "task": "load"}
    assert tagged(text, TAGS, "intermix") == text


def test_sqlcommenter_stands_behind_the_statement_sorted_and_encoded():
    text = tagged("SELECT 1;", TAGS, "sqlcommenter")

    assert text == "SELECT 1 /*app='penstock',dag='it%27s%20%2A%2F%20%C3%BC',task='load'*/;"
    assert "%%27s" in tagged("SELECT %s", TAGS, "sqlcommenter", has_parameters=True)


@pytest.mark.parametrize("statement", ["SELECT 1 /* mine */", "SELECT 1 -- mine"])
def test_a_statement_with_a_comment_gets_no_second_one_behind(statement):
    assert tagged(statement, TAGS, "sqlcommenter") == statement


def test_both_are_added_together():
    text = tagged("SELECT 1", TAGS, "both")

    assert text.startswith("/* INTERMIX_ID: ")
    assert text.endswith("task='load'*/")


def test_a_huge_statement_is_left_alone():
    assert tagged("x" * 4_000_001, TAGS, "both") == "x" * 4_000_001
