import datetime as dt
import decimal
import gzip
import json

import psycopg
import pytest
from psycopg.pq import TransactionStatus

ROLE = "IAM_ROLE 'arn:aws:iam::123456789012:role/load'"


@pytest.fixture
def loaded(redshift):
    """A connection in a transaction with a table, and a function that writes objects and copies them."""
    redshift.s3.create_bucket("load")
    with redshift.connect() as connection:
        yield connection, redshift.s3


def _copy(loaded, table: str, body: str | bytes, options: str):
    connection, s3 = loaded
    s3.put("s3://load/file", body)
    connection.execute(f"CREATE TABLE t ({table})")
    connection.commit()
    connection.execute(f"COPY t FROM 's3://load/file' {ROLE} {options}")
    return connection.execute("SELECT * FROM t").fetchall()


FILES = [
    ("a int, v varchar", "1|x\n2|\n", "", [(1, "x"), (2, "")]),
    ("a int, v varchar", "1|x|\n", "", [(1, "x")]),
    ("a int, v varchar", "1\tx\n", r"DELIMITER '\t'", [(1, "x")]),
    ("a int, v varchar", "1|\\N\n", "", [(1, None)]),
    ("a int, v varchar", "1|a\\|b\n", "ESCAPE", [(1, "a|b")]),
    ("a int, v varchar", "1|'x'\n2|\"x|'y\"\n", "REMOVEQUOTES", [(1, "x"), (2, "x|'y")]),
    ("a int, v varchar", '"1"|"x\\"|\\|\\\n"\n', "REMOVEQUOTES ESCAPE", [(1, 'x"||\n')]),
    ("a int, v varchar", "h,h\n1,x\n", "CSV IGNOREHEADER 1", [(1, "x")]),
    ("a int, v varchar", '1,"x,\n""y"""\n', "FORMAT AS CSV", [(1, 'x,\n"y"')]),
    ("a int, v varchar", "1,%x,y%\n", "CSV QUOTE AS '%'", [(1, "x,y")]),
    ("a int, v varchar", "1;x\n", "CSV DELIMITER ';'", [(1, "x")]),
    ("a int, v varchar", ",\n", "CSV", [(None, "")]),
    ("a int, v varchar", ",\n", "CSV EMPTYASNULL", [(None, None)]),
    ("a int, v varchar", "1,  \n", "CSV BLANKSASNULL", [(1, None)]),
    ("a int, v varchar", "1,x  \n", "CSV TRIMBLANKS", [(1, "x")]),
    ("a int, v varchar", "1,none\n", "CSV NULL AS 'none'", [(1, None)]),
    ("a int, v varchar", "1\n", "CSV FILLRECORD", [(1, None)]),
    ("a int, v varchar", "1,x\n\n2,y\n", "CSV IGNOREBLANKLINES", [(1, "x"), (2, "y")]),
    ("v varchar(3)", "ññ\n", "CSV TRUNCATECOLUMNS", [("ñ",)]),
    ("v varchar(9)", b"a\xffb\n", "CSV ACCEPTINVCHARS '^'", [("a^b",)]),
    ("v varchar(9)", "ñ\n".encode("latin-1"), "CSV ENCODING iso88591", [("ñ",)]),
    ("a int, v varchar", gzip.compress(b"1,x\n", mtime=0), "CSV GZIP", [(1, "x")]),
    ("a int, s super", '{"a": 1, "s": {"k": [1]}}\n{"s": "x"}', "JSON 'auto'", [(1, {"k": [1]}), (None, "x")]),
    ("a int, v varchar", '{"A": 1,\n "V": "x"} {"V": "y"}', "JSON 'auto ignorecase'", [(1, "x"), (None, "y")]),
    (
        "a int, v varchar",
        "1,x\r\n2,y\r\n",
        "CSV COMPUPDATE OFF STATUPDATE OFF REGION 'eu-west-1'",
        [(1, "x"), (2, "y")],
    ),
    ("i bigint identity(1,1), v varchar", "x\ny\n", "CSV", [(1, "x"), (2, "y")]),
    ("i bigint identity(1,1), v varchar", "7,x\n", "CSV EXPLICIT_IDS", [(7, "x")]),
    ("a int, v varchar", "1,x\n", "CSV NOLOAD", []),
    ("v varchar(max)", '"' + "x" * 200_000 + '"\n', "CSV TRUNCATECOLUMNS", [("x" * 65535,)]),
    (
        "d date, t timestamp",
        "01/02/2026|2026-01-02 17:04\n",
        "DATEFORMAT 'MM/DD/YYYY' TIMEFORMAT 'YYYY-MM-DD HH:MI'",
        [(dt.date(2026, 1, 2), dt.datetime.fromisoformat("2026-01-02T17:04"))],
    ),
    (
        "d date, t timestamptz",
        "2026-01-02|2026-01-02 03:04:05.5-8:00\n",
        "",
        [(dt.date(2026, 1, 2), dt.datetime(2026, 1, 2, 11, 4, 5, 500_000, dt.UTC))],
    ),
    (
        "d date, t timestamptz",
        "20260102|2025-09-22T14:42:59.172Z\n",
        "DATEFORMAT 'auto' TIMEFORMAT 'auto'",
        [(dt.date(2026, 1, 2), dt.datetime(2025, 9, 22, 14, 42, 59, 172_000, dt.UTC))],
    ),
]


def test_a_file_loads_as_its_options_say(loaded):
    for table, body, options, rows in FILES:
        assert _copy(loaded, table, body, options) == rows, (body, options)
        loaded[0].execute("DROP TABLE t")


def test_a_jsonpaths_file_says_which_element_goes_where(loaded):
    connection, s3 = loaded
    s3.put("s3://load/paths", json.dumps({"jsonpaths": ["$['ID']", "$.who.names[1]", "$.who"]}))
    rows = '{"ID": 1, "who": {"names": ["a", "b"]}} {"ID": 2.50}'
    assert _copy(loaded, "a decimal(9, 2), v varchar, s super", rows, "JSON 's3://load/paths'") == [
        (1, "b", {"names": ["a", "b"]}),
        (decimal.Decimal("2.50"), None, None),
    ]
    connection.execute("CREATE TABLE u (a int)")
    with pytest.raises(psycopg.errors.InternalError_, match=r"JSONPath size: 3, Number of columns .*: 1"):
        connection.execute(f"COPY u FROM 's3://load/file' {ROLE} JSON 's3://load/paths'")


def test_names_are_folded_and_quoted_as_create_table_does(loaded):
    connection, s3 = loaded
    s3.put("s3://load/a", "1\n")
    for name in ('"Mixed"', "Plain", '"we""ird"', '"a b"', '"it\'s"'):
        connection.execute(f'CREATE TABLE {name} ("A""b" int)')
        connection.execute(f'COPY {name} ("A""b") FROM \'s3://load/a\' {ROLE} CSV')
        assert connection.execute(f"SELECT * FROM {name.lower()}").fetchall() == [(1,)]


def test_a_copy_belongs_to_the_callers_transaction(loaded):
    connection, s3 = loaded
    s3.put("s3://load/a", "1\n")
    connection.execute("CREATE TABLE t (a int)")
    connection.commit()
    connection.execute(f"COPY t FROM 's3://load/a' {ROLE} CSV")
    assert connection.info.transaction_status == TransactionStatus.INTRANS
    connection.rollback()
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_a_column_list_fills_the_rest_by_default(loaded):
    connection, s3 = loaded
    s3.put("s3://load/a", "x,1\n")
    connection.execute("CREATE TABLE t (a int, b int DEFAULT 7, c varchar)")
    connection.execute(f"COPY t (c, \"A\") FROM 's3://load/a' {ROLE} CSV")
    assert connection.execute("SELECT * FROM t").fetchall() == [(1, 7, "x")]


def test_a_temporary_table_and_a_qualified_name_load(loaded):
    connection, s3 = loaded
    s3.put("s3://load/a", "1\n")
    connection.execute("CREATE SCHEMA s; CREATE TABLE s.t (a int); CREATE TEMP TABLE stage (LIKE s.t)")
    connection.execute(f"COPY stage FROM 's3://load/a' {ROLE} CSV")
    connection.execute(f"COPY s.t FROM 's3://load/a' {ROLE} CSV")
    assert connection.execute("SELECT count(*) FROM s.t, stage").fetchone() == (1,)


@pytest.mark.parametrize("autocommit", [True, False], ids=["alone", "in a transaction"])
def test_a_copy_runs_in_the_extended_protocol(redshift, autocommit):
    redshift.s3.create_bucket("load")
    redshift.s3.put("s3://load/a", "1\n2\n")
    with redshift.connect(cursor_factory=psycopg.Cursor, autocommit=autocommit) as connection:
        connection.execute("CREATE TABLE t (a int)")
        for _ in range(3):
            connection.execute(f"COPY t FROM 's3://load/a' {ROLE} CSV", prepare=True)
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (6,)
        with pytest.raises(psycopg.errors.InternalError_, match="does not exist"):
            connection.execute(f"COPY t FROM 's3://load/missing' {ROLE} CSV", prepare=True)
        expected = TransactionStatus.IDLE if autocommit else TransactionStatus.INERROR
        assert connection.info.transaction_status == expected
        connection.rollback()
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_prefix_loads_all_that_matches_and_a_manifest_what_it_names(loaded):
    connection, s3 = loaded
    for name in ("p/1", "p/2", "p2/3"):
        s3.put(f"s3://load/{name}", f"{name[-1]}\n")
    s3.put("s3://load/m", json.dumps({"entries": [{"url": "s3://load/p/2", "mandatory": True}]}))
    connection.execute("CREATE TABLE t (a int)")
    connection.execute(f"COPY t FROM 's3://load/p' {ROLE} CSV")
    assert connection.execute("SELECT a FROM t ORDER BY a").fetchall() == [(1,), (2,), (3,)]
    connection.execute("DELETE FROM t")
    connection.execute(f"COPY t FROM 's3://load/m' {ROLE} CSV MANIFEST")
    assert connection.execute("SELECT a FROM t").fetchall() == [(2,)]


def _manifest(*entries: dict) -> str:
    return json.dumps({"entries": list(entries)})


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (_manifest({"url": "s3://load/no", "mandatory": True}), "The specified key does not exist"),
        (_manifest({"url": "s3://load/no"}), "No files listed in the manifest exist"),
        (_manifest(), "it has no entries"),
        (_manifest({"key": "x"}), "Problem reading manifest file"),
        ("no json", "Problem reading manifest file"),
    ],
    ids=["mandatory", "optional", "empty", "no url", "no json"],
)
def test_a_manifest_that_names_nothing_to_load_is_an_error(loaded, manifest: str, message: str):
    connection, s3 = loaded
    s3.put("s3://load/m", manifest)
    connection.execute("CREATE TABLE t (a int)")
    with pytest.raises(psycopg.errors.InternalError_, match=message):
        connection.execute(f"COPY t FROM 's3://load/m' {ROLE} CSV MANIFEST")
    assert connection.info.transaction_status == TransactionStatus.INERROR


def test_a_missing_optional_file_is_passed_over(loaded):
    connection, s3 = loaded
    s3.put("s3://load/a", "1\n")
    s3.put("s3://load/m", _manifest({"url": "s3://load/no", "mandatory": False}, {"url": "s3://load/a"}))
    connection.execute("CREATE TABLE t (a int)")
    connection.execute(f"COPY t FROM 's3://load/m' {ROLE} CSV MANIFEST")
    assert connection.execute("SELECT a FROM t").fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("sql", "error", "message"),
    [
        ("COPY t FROM 's3://load/a' CSV", "InternalError_", "requires authorization"),
        (f"COPY t FROM 's3://load/none' {ROLE} CSV", "InternalError_", "prefix 'none' does not exist"),
        (f"COPY t FROM 's3://nowhere/a' {ROLE} CSV", "InternalError_", "NoSuchBucket"),
        (f"COPY missing FROM 's3://load/a' {ROLE}", "UndefinedTable", '"missing" does not exist'),
        (f"COPY t (nope) FROM 's3://load/a' {ROLE}", "UndefinedColumn", 'column "nope"'),
        (f"COPY t FROM 's3://load/a' {ROLE} NONSENSE", "SyntaxError", 'near "NONSENSE"'),
        (f"COPY t FROM 's3://load/a' {ROLE} PARQUET", "FeatureNotSupported", "PARQUET is not covered"),
        (f"COPY t FROM 's3://load/a' {ROLE} MAXERROR 100001", "InternalError_", "MAXERROR"),
        (f"COPY t FROM 's3://load/a' {ROLE} CSV MANIFEST MANIFEST", "SyntaxError", "redundant options"),
        (f"COPY t FROM 's3://load/a' {ROLE} CSV ESCAPE", "SyntaxError", "CSV is not supported with ESCAPE"),
        (f"COPY t FROM 's3://load/a' {ROLE} TIMEFORMAT 'AUTO'", "InternalError_", "case-sensitive"),
        (f"COPY t FROM 's3://load/a' {ROLE} TIMEFORMAT 'HH:MI TZ'", "InternalError_", "time zone"),
        (f"COPY t FROM 's3://load/a' {ROLE} JSON 's3://load/a'", "InternalError_", "Invalid JSONPath"),
        (f"COPY t FROM 's3://load/a' {ROLE} CSV GZIP", "InternalError_", "error reading s3://load/a"),
        ("COPY t FROM 's3://load/a' IAM_ROLE 'me' CSV", "InternalError_", "Invalid IAM role"),
        ("COPY t FROM STDIN", "FeatureNotSupported", "STDIN"),
        ("COPY t TO STDOUT", "FeatureNotSupported", "UNLOAD"),
    ],
)
def test_a_copy_that_cannot_start_says_why(loaded, sql: str, error: str, message: str):
    connection, s3 = loaded
    s3.put("s3://load/a", "1\n")
    connection.execute("CREATE TABLE t (a int)")
    with pytest.raises(getattr(psycopg.errors, error), match=message):
        connection.execute(sql)
    assert connection.info.transaction_status == TransactionStatus.INERROR
    connection.rollback()
    assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("kind", "value", "code", "reason"),
    [
        ("int", "12x", 1207, "Invalid digit, Value 'x', Pos 2, Type: Integer"),
        ("smallint", "40000", 1207, "Overflow, Value '0', Pos 4, Type: Short"),
        ("decimal(4,2)", "123", 1209, "Numeric data overflow (result precision) for DECIMAL(4,2)"),
        ("float", "x", 1208, "Invalid digit, Value 'x', Pos 0, Type: Double"),
        ("boolean", "maybe", 1210, "Unknown boolean format"),
        ("date", "2026-13-01", 1205, "Invalid date format or value [YYYY-MM-DD]"),
        ("date", "x", 1205, "Invalid Date Format - length must be 10 or more"),
        ("timestamp", "noon", 1206, "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]"),
        ("date", "2026-01-02garbage", 1205, "Invalid date format or value [YYYY-MM-DD]"),
        ("timestamp", "20260102T030405", 1206, "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]"),
        ("timestamp", "2026-W01-5", 1206, "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]"),
        (
            "timestamptz",
            "2025-09-22T14:42:59.172Z",
            1206,
            "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SSOF]",
        ),
        (
            "char(3)",
            "ä",
            1220,
            "Multibyte character not supported for CHAR (Hint: Try using VARCHAR). Invalid char: c3 a4",
        ),
        ("varchar(3)", "ññ", 1204, "String length exceeds DDL length"),
        ("int not null", "", 1213, "Missing data for not-null field"),
        ("int", "1,2", 1202, "Extra column(s) found"),
    ],
)
def test_a_bad_row_is_told_in_the_load_error_tables(loaded, kind: str, value: str, code: int, reason: str):
    connection, _ = loaded
    pid, started = connection.execute("SELECT pg_backend_pid(), getdate()").fetchone()
    message = r"Load into table 't' failed\.  Check 'sys_load_error_detail' system table for details\."
    with pytest.raises(psycopg.errors.InternalError_, match=message):
        _copy(loaded, f"a {kind}", f"head\n{value}\n", "CSV IGNOREHEADER 1")
    connection.rollback()
    mine = "WHERE session_id = %s AND start_time >= %s"
    detail = "SELECT file_name, line_number, error_code, error_message FROM sys_load_error_detail"
    assert connection.execute(f"{detail} {mine}", [pid, started]).fetchall() == [("s3://load/file", 2, code, reason)]
    padded = connection.execute("SELECT trim(raw_line), length(raw_line::bpchar::text) FROM stl_load_errors").fetchone()
    assert padded[0] == value


def test_rows_beyond_maxerror_fail_and_rows_below_it_are_left_out(loaded):
    connection, _ = loaded
    notices: list[str] = []
    connection.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    assert _copy(loaded, "a int", "1\nx\n2\ny\n3\n", "CSV MAXERROR 3") == [(1,), (2,), (3,)]
    assert notices[0] == "Load into table 't' completed, 3 record(s) loaded successfully."
    assert "2 record(s) could not be loaded" in notices[1]
    assert connection.execute("SELECT count(*) FROM sys_load_error_detail").fetchone() == (2,)
    with pytest.raises(psycopg.errors.InternalError_, match="failed"):
        connection.execute(f"COPY t FROM 's3://load/file' {ROLE} CSV MAXERROR 2")


def test_the_last_copy_is_known_unless_its_transaction_was_rolled_back(redshift):
    redshift.s3.create_bucket("load")
    redshift.s3.put("s3://load/good", "1\n2\n")
    redshift.s3.put("s3://load/bad", "x\n")
    last = "SELECT pg_last_copy_id()"
    with redshift.connect(autocommit=True) as connection:
        connection.execute("CREATE TABLE t (a int)")
        assert connection.execute(last).fetchone() == (-1,)
        connection.execute(f"COPY t FROM 's3://load/good' {ROLE} CSV")
        (first,) = connection.execute(last).fetchone()
        history = connection.execute(
            "SELECT query_id, table_name, loaded_rows, source_file_count FROM sys_load_history"
        )
        assert history.fetchall() == [(first, "t", 2, 1)]
        with pytest.raises(psycopg.errors.InternalError_):
            connection.execute(f"COPY t FROM 's3://load/bad' {ROLE} CSV")
        (second,) = connection.execute(last).fetchone()
        failed = connection.execute("SELECT query FROM stl_load_errors").fetchone()
        assert first < second == failed[0]
        with pytest.raises(psycopg.errors.InternalError_), connection.transaction():
            connection.execute(f"COPY t FROM 's3://load/bad' {ROLE} CSV")
        assert connection.execute(last).fetchone() == (second,)


def test_users_see_their_own_load_errors_alone(loaded, redshift):
    with pytest.raises(psycopg.errors.InternalError_):
        _copy(loaded, "a int", "x\n", "CSV")
    redshift.server.create_user("clerk", "Clerk-1234")
    with redshift.connect(user="clerk", password="Clerk-1234") as clerk:
        assert clerk.execute("SELECT count(*) FROM stl_load_errors").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            clerk.execute(f"COPY t FROM 's3://load/file' {ROLE} CSV")


def test_a_failing_copy_loads_nothing_and_the_next_one_succeeds(loaded, redshift):
    redshift.faults.fail_copies(1)
    with pytest.raises(psycopg.errors.InternalError_, match="S3ServiceException"):
        _copy(loaded, "a int", "1\n", "CSV")
    connection, _ = loaded
    connection.rollback()
    connection.execute(f"COPY t FROM 's3://load/file' {ROLE} CSV")
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (1,)


def test_a_connection_dropped_within_a_copy_leaves_nothing_behind(loaded, redshift):
    redshift.faults.drop_copies(1)
    with pytest.raises(psycopg.OperationalError):
        _copy(loaded, "a int", "1\n", "CSV")
    with redshift.connect() as other:
        assert other.execute("SELECT count(*) FROM t").fetchone() == (0,)
        other.execute(f"COPY t FROM 's3://load/file' {ROLE} CSV")


def test_a_large_load_arrives_whole(loaded):
    body = gzip.compress("".join(f"{n},{n * 1.5},line {n}\n" for n in range(50_000)).encode())
    _copy(loaded, "n int, x decimal(12,1), v varchar(40)", body, "CSV GZIP")
    connection, _ = loaded
    total = connection.execute("SELECT count(*), sum(n), max(x) FROM t").fetchone()
    assert tuple(map(int, total)) == (50_000, 1_249_975_000, 74_998)
