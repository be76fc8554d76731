"""Each defect that was found elsewhere has a test here that is there and names it."""

import pytest

from house.known_defects import PAGE, untrue_rows

ROW = "| acme/box#12, #13 | it fell over | `tests/test_box.py::test_it_stands` |\n"


def test_each_row_of_the_page_names_a_test_that_names_its_defect(workspace):
    assert list(untrue_rows(workspace, (workspace / PAGE).read_text())) == []


@pytest.mark.parametrize(
    ("page", "text", "told"),
    [
        (ROW, 'def test_it_stands():\n    """acme/box#12, acme/box#13"""\n', []),
        (ROW, '"""acme/box#13"""\nclass TestBox:\n    """acme/box#12"""\n    def test_it_stands(self): pass\n', []),
        (ROW, "def test_it_stands(): pass\n", ["does not name acme/box#12", "does not name #13"]),
        (ROW, 'def test_it_stands():\n    """acme/box#112, acme/box#134"""\n', ["acme/box#12", "#13"]),
        (ROW, "def test_it_falls(): pass\n", ["is not there"]),
        (ROW.replace("#", ""), "def test_it_stands(): pass\n", ["another form"]),
        ("", "def test_it_stands(): pass\n", ["another form"]),
    ],
)
def test_the_contract_sees_what_is_not_true(tmp_path, page, text, told):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_box.py").write_text(text)
    found = list(untrue_rows(tmp_path, page))
    assert len(found) == len(told)
    assert all(part in each for part, each in zip(told, found, strict=True))
