"""A table that another provider's transfer left as files becomes a table, in Redshift and in PostgreSQL."""

import json

import pytest

from penstock.errors import ErrorKind, ProviderError
from penstock.testing import runtime as running
from penstock_redshift.hooks import PostgresHook
from penstock_redshift.transfers import TableFilesToPostgresOperator, TableFilesToRedshiftOperator

COLUMNS = {
    "Id": ("VARCHAR(18)", "varchar(18)"), "Name": ("VARCHAR(20)", "varchar(20)"), "Stamp": ("TIMESTAMPTZ", "timestamptz"),
    "Amount": ("DECIMAL(18,2)", "numeric(18,2)"), "On": ("DATE", "date"), "Yes": ("BOOLEAN", "boolean"),
}  # fmt: skip
FIRST = [
    '"Id","Name","Stamp","Amount","On","Yes"',
    '"a","A, the ""first""","2026-11-20T10:00:00.000Z","1.50","2026-11-20","true"',
    '"b","","2026-11-20T10:00:00.000Z","","",""',
    '"a","an older one","2026-11-20T09:00:00.000Z","","",""',
]
SELECT = 'SELECT id, name, amount, "on", yes FROM t ORDER BY 1'
ROWS = [("a", 'A, the "first"', "1.50", "2026-11-20", "True"), ("b", None, None, None, None)]


def described(columns):
    listed = [{"name": name, "redshift": kinds[0], "postgres": kinds[1]} for name, kinds in columns.items()]
    return json.dumps({"columns": listed, "sobject": "Account"})


def shown(rows):
    return [tuple(None if each is None else str(each) for each in row) for row in rows]


class Redshift:
    """A folder of S3 and a table of Redshift."""

    def __init__(self, hook, s3, bucket):
        self.hook, self.s3, self.folder = hook, s3, f"s3://{bucket}/t"

    def write(self, name, text):
        self.s3.put(f"{self.folder}/{name}", text)

    def load(self, **arguments):
        return TableFilesToRedshiftOperator(task_id="t", folder=self.folder, table="t", **arguments).execute({})


class Postgres:
    """A folder of this machine and a table of PostgreSQL."""

    def __init__(self, connection, folder):
        self.hook, self.path = PostgresHook(connection=connection), folder

    def write(self, name, text):
        (self.path / name).write_text(text)

    def load(self, **arguments):
        folder = f"file://{self.path}"
        return TableFilesToPostgresOperator(task_id="t", folder=folder, table="t", **arguments).execute({})


@pytest.fixture(params=["redshift", "postgres"])
def place(request):
    """Where the table goes, with nothing in it."""
    return request.getfixturevalue(f"in_{request.param}")


@pytest.fixture
def in_redshift(request, runtime, hook, redshift, bucket):
    return Redshift(hook, redshift.s3, bucket)


@pytest.fixture
def in_postgres(postgres_connection, tmp_path):
    with running({"postgres_default": postgres_connection}):
        yield Postgres(postgres_connection, tmp_path)


BY_KEY = {"upsert_keys": ["Id"], "incremental_key": "Stamp"}


def test_a_table_is_made_and_merged_and_a_repetition_changes_nothing(place):
    place.write("schema.json", described(COLUMNS))
    place.write("part-00000.csv", "\n".join(FIRST) + "\n")
    for number in range(2):
        done = place.load(**BY_KEY)
        assert (done["rows"], done["files"], len(done["statements"]), done["drift"]) == (2, 1, 1 - number, [])
        assert shown(place.hook.get_records(SELECT)) == ROWS


def test_columns_come_and_grow_and_old_rows_stay(place):
    place.hook.run("CREATE TABLE t (id varchar(18), name varchar(10), former int, amount int)")
    place.hook.run("INSERT INTO t VALUES ('b', 'old', 7, 1), ('c', 'other', 8, 2)")
    few = {name: COLUMNS[name] for name in ("Id", "Name", "Amount", "Yes")}
    place.write("schema.json", described(few))
    place.write("part-00000.csv", "Name,Yes,Amount,Id\nthis is longer now,false,3,b\n")

    done = place.load(upsert_keys=["Id"])

    assert sorted(done["drift"]) == [
        "column amount is integer, not numeric(18,2)",
        "column former is in the table and not among the wanted",
    ]
    assert len(done["statements"]) == 2
    found = shown(place.hook.get_records("SELECT id, name, former, amount, yes FROM t ORDER BY 1"))
    assert found == [("b", "this is longer now", "7", "3", "False"), ("c", "other", "8", "2", None)]
    place.write("schema.json", described({**few, "New": ("DATE", "date")}))
    place.write("part-00000.csv", "Name,Yes,Amount,Id,New\n")
    with pytest.raises(ProviderError, match="differs: column") as raised:
        place.load(upsert_keys=["Id"], on_drift="fail")
    assert raised.value.kind is ErrorKind.INVALID


def test_all_rows_are_replaced_be_it_by_none(place):
    place.write("schema.json", described({"Id": COLUMNS["Id"]}))
    place.write("part-00000.csv", "Id\na\nb\n")
    place.write("part-00001.csv", "Id\nc\n")
    for _ in range(2):
        assert place.load(method="replace")["rows"] == 3
    assert place.hook.get_records("SELECT id FROM t ORDER BY 1") == [("a",), ("b",), ("c",)]


def test_a_load_without_a_row_is_one(place):
    place.write("schema.json", described({"Id": COLUMNS["Id"]}))
    assert place.load(upsert_keys=["Id"])["rows"] == 0
    place.hook.run("INSERT INTO t VALUES ('old')")
    assert place.load(upsert_keys=["Id"])["rows"] == 0
    assert place.hook.get_records("SELECT id FROM t") == [("old",)]
    assert place.load(method="replace")["rows"] == 0
    assert place.hook.get_records("SELECT id FROM t") == []


def test_what_fails_leaves_the_rows_that_were_there(place):
    place.write("schema.json", described({"Id": COLUMNS["Id"], "On": COLUMNS["On"]}))
    place.write("part-00000.csv", "Id,On\na,2026-01-01\n")
    place.load(method="replace")
    place.write("part-00001.csv", "Id,On\nb,nonsense\n")
    for how in ({"method": "replace"}, {"upsert_keys": ["Id"]}):
        with pytest.raises(ProviderError) as raised:
            place.load(**how)
        assert raised.value.kind is ErrorKind.INVALID
    assert place.hook.get_records("SELECT id FROM t") == [("a",)]


@pytest.mark.parametrize("operator", [TableFilesToPostgresOperator, TableFilesToRedshiftOperator])
@pytest.mark.parametrize(
    "arguments",
    [{"method": "append"}, {"on_drift": "x", "upsert_keys": ["id"]}, {}, {"method": "replace", "upsert_keys": ["id"]}],
)
def test_arguments_that_do_not_go_together_are_refused(operator, arguments):
    with pytest.raises(ValueError, match=r"write one of|belong together"):
        operator(task_id="t", folder="s3://b/f", table="t", **arguments)
