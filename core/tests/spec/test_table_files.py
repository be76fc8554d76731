"""A folder is a table, or is refused."""

import json

import pytest

from penstock.errors import ErrorKind, ProviderError
from penstock.plugins.file_store import FileStore
from penstock.spec.sql.table_files import read_table

COLUMNS = [{"name": "Id", "redshift": "BIGINT", "postgres": "bigint"}, {"name": "N", "redshift": "DATE"}]


@pytest.fixture
def read(tmp_path):
    """A function that reads the folder with these files, for a database."""

    def reading(database="redshift", columns=COLUMNS, **files):
        (tmp_path / "schema.json").write_text(json.dumps({"columns": columns, "sobject": "A"}))
        for name, text in files.items():
            (tmp_path / name.replace("__", ".").replace("_", "-")).write_text(text)
        return read_table(FileStore(), f"file://{tmp_path}", database)

    return reading


def test_parts_are_read_in_the_order_of_their_header(read, tmp_path):
    found = read(part_1__csv="N,Id\n1,2\n", part_0__csv='"N","Id"\n', other__txt="of the writer's")
    assert found.columns == {"Id": "BIGINT", "N": "DATE"}
    assert found.header == ("N", "Id")
    assert [each.url for each in found.parts] == [f"file://{tmp_path}/part-{each}.csv" for each in (0, 1)]


def test_a_table_may_have_no_row(read):
    assert read().parts == ()
    assert read().header == ("Id", "N")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"part_0__csv": "Id\n"}, "has the columns Id, and not Id, N"),
        ({"part_0__csv": "Id,N\n", "part_1__csv": "N,Id\n"}, "part-1.csv has the columns N, Id, and not Id, N"),
        ({"part_0__csv": ""}, "has the columns , and not"),
        ({"part_0__parquet": "x"}, "is no CSV"),
        ({"deleted_0__csv": "Id\n"}, "names rows that are gone"),
        ({"database": "postgres"}, "types of columns in postgres: KeyError"),
        ({"columns": []}, "has no column"),
    ],
)
def test_what_is_no_table_is_refused(read, arguments, says):
    with pytest.raises(ProviderError, match=says) as raised:
        read(**arguments)
    assert raised.value.kind is ErrorKind.INVALID


def test_a_folder_without_description_is_not_found(tmp_path):
    with pytest.raises(ProviderError) as raised:
        read_table(FileStore(), f"file://{tmp_path}/none/", "redshift")
    assert raised.value.kind is ErrorKind.NOT_FOUND
