"""Names use the words of the glossary: a term of the field or plain English, one word for one thing (ADR 0011)."""

import pytest

from house.glossary import (
    PLAIN,
    REPLACED,
    TERMS,
    Term,
    double_classes,
    double_modules,
    missing_places,
    page,
    replaced_words,
    unknown_words,
    unused_plain,
)
from house.tree import package_folders, sources_of

pytestmark = pytest.mark.xdist_group("sources")  # each file is parsed once, and kept

# Public classes that share a name on purpose, each with its reason in a sentence.
SAME_CLASSES = {
    "Connection": "What authors write is named like the value that it returns, as in Airflow.",
    "Variable": "What authors write is named like the row that the store lists, as in Airflow.",
}
# Modules that share a name on purpose, each with its reason in a sentence.
SAME_MODULES = {
    "dag": "The author's DAG and its structure as data are one subject on two floors.",
    "messages": "Each room that talks to others names its own messages.",
    "request": "What a user asks of a change, and what the change asks of the resolver.",
    "snapshot": "The loader takes snapshots, the worker's spec carries them.",
    "state": "The engine's state is made of the states of the model.",
}


@pytest.fixture(scope="module")
def sources(workspace):
    """Text of the source files of all packages, by path."""
    folders = package_folders(workspace)
    paths = [path for path in sources_of(workspace) if any(path.is_relative_to(folder) for folder in folders)]
    return {str(path): (workspace / path).read_text() for path in paths}


def test_every_word_of_a_name_is_a_term_or_plain_english(sources):
    assert list(unknown_words(sources, TERMS, PLAIN)) == []


def test_every_plain_word_is_in_use(sources):
    assert list(unused_plain(sources, TERMS, PLAIN)) == []


def test_no_identifier_has_a_word_of_the_earlier_dialect(sources):
    assert [each for path, text in sources.items() for each in replaced_words(path, text, REPLACED)] == []


def test_public_classes_of_a_distribution_have_names_of_their_own(sources):
    assert list(double_classes(sources, SAME_CLASSES)) == []


def test_modules_of_a_distribution_have_names_of_their_own(sources):
    assert list(double_modules(sources, SAME_MODULES)) == []


def test_every_exception_is_needed(sources):
    assert [name for name in SAME_CLASSES if not list(double_classes(sources, SAME_CLASSES.keys() - {name}))] == []
    assert [name for name in SAME_MODULES if not list(double_modules(sources, SAME_MODULES.keys() - {name}))] == []


def test_every_term_stands_where_the_glossary_says(sources):
    assert list(missing_places(sources, TERMS)) == []
    assert [term.name for term in TERMS] == sorted((term.name for term in TERMS), key=str.lower)


def test_the_page_has_every_term():
    assert all(f"| {term.name} | {term.meaning} |" in page("") for term in TERMS)


TERM = Term("trigger rule", "Which states let a task run.", "penstock.engine")


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        pytest.param("core/src/penstock/engine/graph/trigger_rules.py", "class Trigger: ...", [], id="words of a term"),
        pytest.param("core/src/penstock/engine/heirs.py", "", ["'heirs'"], id="module"),
        pytest.param("core/src/penstock/engine/rules.py", "class _RuleHeir: ...", ["'heir'"], id="private class"),
        pytest.param("core/src/penstock/engine/rules.py", "class A:\n    class Rule4DAG: ...", ["'a'", "'dag'"], id="inner class"),
    ],
)  # fmt: skip
def test_the_contract_sees_a_word_that_is_no_term(path, text, found):
    told = list(unknown_words({path: text}, [TERM], ["engine", "graph"]))
    assert len(told) == len(found)
    assert all(word in sentence for word, sentence in zip(found, told, strict=True))


def test_the_contract_sees_a_plain_word_that_no_name_needs():
    told = list(unused_plain({"core/src/penstock/engine/rules.py": ""}, [TERM], ["engine", "heir", "rules"]))
    assert [sentence.split("'")[1] for sentence in told] == ["heir", "rules"]


@pytest.mark.parametrize(
    "text",
    [
        "def tell(): ...",
        "class Teller:\n    def _tell_all(self): ...",
        "def f(tell): ...",
        "tell = 1",
        "def f(self):\n    self.tell_it = 1",
    ],
)
def test_the_contract_sees_a_replaced_word(text):
    assert len(list(replaced_words("core/src/penstock/clock.py", text, {"tell": "log"}))) == 1
    assert list(replaced_words("core/src/penstock/clock.py", "file.tell()", {"tell": "log"})) == []


def test_the_contract_sees_two_classes_and_two_modules_of_one_name():
    text = "class Clock: ...\nclass _Private: ..."
    sources = {f"core/src/penstock/{room}/clock.py": text for room in ("model", "engine")}
    assert [len(list(double_classes(sources, ()))), len(list(double_modules(sources, ())))] == [1, 1]
    apart = {"core/src/penstock/model/clock.py": text, "testkit/src/penstock_testkit/redshift/clock.py": text}
    assert [*double_classes(apart, ()), *double_modules(apart, ())] == []
    served = {"core/src/penstock/model/clock.py": "", "core/src/penstock/cli/clock.py": ""}
    assert list(double_modules(served, ())) == []


def test_the_contract_sees_a_term_without_a_place():
    assert list(missing_places(["core/src/penstock/engine/__init__.py"], [TERM])) == []
    assert len(list(missing_places(["core/src/penstock/model/__init__.py"], [TERM]))) == 1
