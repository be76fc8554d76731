import os

import pytest

from penstock.watchers import local_files
from penstock.watchers.local_files import look_at_files, same_file

TREE = (
    "in/a.csv",
    "in/b.csv",
    "in/c.txt",
    "in/.part.csv",
    "in/x/d.csv",
    "in/x/y/e.csv",
    "in/.git/f.csv",
    "other/a.csv",
)


@pytest.fixture
def tree(tmp_path):
    for name in TREE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("in/a.csv", ["in/a.csv"]),
        ("in/*.csv", ["in/a.csv", "in/b.csv"]),
        ("in/[ab].csv", ["in/a.csv", "in/b.csv"]),
        ("in/?.txt", ["in/c.txt"]),
        ("in/.*.csv", ["in/.part.csv"]),
        ("*/a.csv", ["in/a.csv", "other/a.csv"]),
        ("in/**/*.csv", ["in/a.csv", "in/b.csv", "in/x/d.csv", "in/x/y/e.csv"]),
        ("in/**/**/y/**/**", ["in/x/y/e.csv"]),
        ("in/x/", ["in/x/d.csv", "in/x/y/e.csv"]),
        ("in/x", []),
        ("in/x/../a.csv", ["in/x/../a.csv"]),
        ("nowhere/*.csv", []),
        ("in/a.csv/*", []),
        ("in/" + "*a" * 60 + "b", []),
        ("**/" * 60 + "e.csv", ["in/x/y/e.csv"]),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_a_pattern_stands_for_the_files_that_a_shell_would_name(tree, pattern, names):
    look = look_at_files(f"{tree}/{pattern}")
    assert sorted(each.path.removeprefix(f"{tree}/") for each in look.found) == names
    assert look.problem == ""


def test_a_file_carries_its_path_size_and_time_of_change(tree):
    os.utime(tree / "in/a.csv", (5, 7.5))
    [found] = look_at_files(f"{tree}/in/a.csv").found
    assert found.extra == {"path": f"{tree}/in/a.csv", "size": 8, "mtime": 7.5}
    assert same_file(found.path, found)
    (tree / "in/a.csv").write_text("else")
    assert not same_file(found.path, found)
    (tree / "in/a.csv").unlink()
    assert not same_file(found.path, found)


@pytest.mark.parametrize(
    ("pattern", "note"),
    [("nowhere/*.csv", "there is no folder"), ("in", "is a folder: end it with a slash"), ("in/z.csv", "")],
)
def test_a_look_that_finds_nothing_says_what_a_person_may_have_meant(tree, pattern, note):
    assert note in look_at_files(f"{tree}/{pattern}").note


def test_what_is_no_file_is_passed_over_and_what_cannot_be_looked_at_is_told(tree):
    os.mkfifo(tree / "in/pipe.csv")
    (tree / "in/gone.csv").symlink_to(tree / "nothing")
    (tree / "in/loop").symlink_to(tree / "in")
    (tree / "in/same.csv").symlink_to(tree / "in/c.txt")
    names = [each.path.rpartition("/")[2] for each in look_at_files(f"{tree}/in/**/*.csv").found]
    assert sorted(names) == ["a.csv", "b.csv", "d.csv", "e.csv", "same.csv"]
    (tree / "in/circle.csv").symlink_to(tree / "in/circle.csv")
    look = look_at_files(f"{tree}/in/*.csv")
    assert len(look.found) == 3
    assert "circle.csv cannot be looked at: Too many levels" in look.problem


@pytest.mark.parametrize(
    ("bound", "most", "problem"),
    [("MOST_FILES", 2, "the others are passed over"), ("MOST_ENTRIES", 3, "name a smaller folder")],
)
def test_a_folder_that_is_too_large_is_looked_at_in_part_and_that_is_told(tree, monkeypatch, bound, most, problem):
    monkeypatch.setattr(local_files, bound, most)
    look = look_at_files(f"{tree}/**/*.csv")
    assert len(look.found) <= 3
    assert problem in look.problem


def test_a_name_that_is_no_text_is_a_file_like_others(tree):
    (tree / os.fsdecode(b"in/\xff.csv")).write_text("")
    found = look_at_files(f"{tree}/in/*.csv").found
    assert "\N{REPLACEMENT CHARACTER}.csv" in {each.path.rpartition("/")[2] for each in found}
    assert len({each.file for each in found}) == 3
