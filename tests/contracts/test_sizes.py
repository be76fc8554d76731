"""Files and functions stay small (ADR 0011)."""

import pytest

from house.sizes import FILE_LINES, FUNCTION_LINES, ROOM_FILES, ROOM_LINES, TEST_FILE_LINES, too_large, too_large_rooms
from house.tree import files_of, sources_of

pytestmark = pytest.mark.xdist_group("sources")  # each file is parsed once, and kept


def test_no_file_and_no_function_is_too_large(workspace):
    found = [
        each for path in files_of(workspace, ".py") for each in too_large(str(path), (workspace / path).read_text())
    ]
    assert found == []


# Rooms that are larger on purpose, each with its reason in a sentence.
LARGER_ROOMS = {
    "core/src/penstock/store/sql/migrations/versions": "What was released is never changed: it only grows, and each is read alone.",
    "testkit/src/penstock_testkit/redshift": "One fake server whose SQL is one language: parts of it make no room alone.",
}


def test_every_room_is_read_in_an_hour(workspace):
    found = list(too_large_rooms({str(path): (workspace / path).read_text() for path in sources_of(workspace)}))
    assert [each for each in found if each.split()[0] not in LARGER_ROOMS] == []
    assert {each.split()[0] for each in found} >= LARGER_ROOMS.keys(), "an exception that nothing needs any more"


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        pytest.param({f"a/{n}.py": "x\n" for n in range(ROOM_FILES)}, [], id="as many files as may be"),
        pytest.param({f"a/{n}.py": "x\n" for n in range(ROOM_FILES + 1)}, ["a has 21 files"], id="too many files"),
        pytest.param({"a/b.py": "x\n" * ROOM_LINES, "a/c/d.py": "x\n"}, [], id="a folder below is another room"),
        pytest.param({"a/b.py": "x\n" * ROOM_LINES, "a/d.py": "x\n"}, ["a has 2201 lines"], id="too many lines"),
    ],
)
def test_the_contract_sees_a_room_that_is_too_large(sources, told):
    found = list(too_large_rooms(sources))
    assert len(found) == len(told)
    assert all(each.startswith(start) for each, start in zip(found, told, strict=True))


def _function(code: int, *, docs: int = 0) -> str:
    lines = ["def long():", '    """First.', *["    More."] * docs, '    """', *["    # why"] * docs, *[""] * docs]
    return "\n".join([*lines, *["    x = 1"] * (code - 1)])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("x = 1\n" * FILE_LINES, [], id="longest file"),
        pytest.param("x = 1\n" * (FILE_LINES + 1), ["a.py has 401 lines"], id="file too long"),
        pytest.param(_function(FUNCTION_LINES), [], id="longest function"),
        pytest.param(_function(FUNCTION_LINES, docs=20), [], id="docstring, comments and empty lines are free"),
        pytest.param(_function(FUNCTION_LINES + 1), ["a.py:1 long has 41 lines"], id="function too long"),
        pytest.param(
            "class C:\n" + "\n".join("    " + line for line in _function(41).splitlines()), ["a.py:2 long"], id="method"
        ),
        pytest.param("async " + _function(41), ["a.py:1 long"], id="coroutine"),
    ],
)
def test_the_contract_sees_what_is_too_large(text, told):
    found = list(too_large("a.py", text))
    assert len(found) == len(told)
    assert all(each.startswith(start) for each, start in zip(found, told, strict=True))


@pytest.mark.parametrize(
    ("name", "lines", "told"),
    [
        pytest.param("core/tests/engine/test_limits.py", TEST_FILE_LINES, [], id="longest"),
        pytest.param(
            "tests/contracts/test_a.py", TEST_FILE_LINES + 1, ["tests/contracts/test_a.py has 601"], id="too long"
        ),
        pytest.param("core/src/penstock/testing/run.py", FILE_LINES + 1, ["core/src"], id="what tests use is no test"),
    ],
)
def test_a_file_of_tests_may_be_longer_because_its_tables_are(name, lines, told):
    found = list(too_large(name, "x = 1\n" * lines))
    assert len(found) == len(told)
    assert all(each.startswith(start) for each, start in zip(found, told, strict=True))
