"""Each defect that was found elsewhere has a test here that is there and names it."""

import pytest

from house.known_defects import PAGE, unlisted_defects, untrue_rows

pytestmark = pytest.mark.xdist_group("sources")  # each file is parsed once, and kept

ROW = "| acme/box#12, #13 | it fell over | `tests/test_box.py::test_it_stands` |\n"


def test_each_row_of_the_page_names_a_test_that_names_its_defect(workspace):
    assert list(untrue_rows(workspace, (workspace / PAGE).read_text())) == []


def test_each_defect_of_airflow_that_a_test_of_a_provider_names_is_on_the_page(workspace):
    assert list(unlisted_defects(workspace, (workspace / PAGE).read_text())) == []


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


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ('def test_it():\n    """apache/airflow#12, #13: it fell over, and #99 steps."""\n', ["12", "13"]),
        ('def test_it():\n    """af#12 and apache/airflow#14"""\n', ["12"]),
        ("def test_it_stands_apache_airflow_12(): pass\n", ["12"]),
        ('class TestBox:\n    """apache/airflow#12"""\n    def test_it(self): pass\n', ["12"]),
        ('@mark.parametrize("a", [param(1, id="af#12: a box")])\ndef test_it(a): pass\n', ["12"]),
        ('def test_it():\n    """acme/box#12, apache/airflow#15"""\n', []),
    ],
)
def test_the_contract_sees_what_the_page_does_not_have(tmp_path, text, missing):
    file = tmp_path / "providers" / "box" / "tests" / "deep" / "test_box.py"
    file.parent.mkdir(parents=True)
    file.write_text(text)

    found = list(unlisted_defects(tmp_path, "| apache/airflow#14, #15 | it fell | nothing here falls |"))

    assert len(found) == len(missing)
    assert all(f"apache/airflow#{number}," in each for number, each in zip(missing, found, strict=True))
