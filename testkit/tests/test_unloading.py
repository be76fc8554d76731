import csv
import gzip
import io
import json

import psycopg
import pytest

ROLE = "IAM_ROLE default"
ROWS = 'SELECT 1 AS n, \'x,"y"\' AS "V" UNION ALL SELECT 2, NULL ORDER BY 1'


@pytest.fixture
def connection(redshift):
    redshift.s3.create_bucket("out")
    with redshift.connect(autocommit=True) as opened:
        yield opened


def _unload(connection, options: str, query: str = ROWS):
    connection.execute(f"UNLOAD ($$ {query} $$) TO 's3://out/p_' {ROLE} {options}")


def _body(redshift, name: str) -> str:
    return redshift.s3.get(f"s3://out/{name}").decode()


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ("", '1|x,"y"\n2|\n'),
        ("HEADER", 'n|v\n1|x,"y"\n2|\n'),
        ("CSV HEADER", 'n,v\n1,"x,""y"""\n2,\n'),
        ("CSV DELIMITER ';' NULL AS 'none'", '1;"x,""y"""\n2;none\n'),
        ("ADDQUOTES", '"1"|"x,"y""\n"2"|\n'),
        ("DELIMITER ',' ESCAPE", '1,x\\,"y"\n2,\n'),
        ("DELIMITER ',' ESCAPE ADDQUOTES", '"1","x\\,\\"y\\""\n"2",\n'),
        ("JSON", '{"n":1,"v":"x,\\"y\\""}\n{"n":2,"v":null}\n'),
    ],
)
def test_rows_are_written_as_the_format_says(redshift, connection, options: str, body: str):
    _unload(connection, f"PARALLEL OFF {options}")
    assert redshift.s3.keys("s3://out/") == ["p_000"]
    assert _body(redshift, "p_000") == body


def test_slices_write_a_file_each_and_a_manifest_lists_them(redshift, connection):
    _unload(connection, "CSV HEADER GZIP MANIFEST VERBOSE")
    assert redshift.s3.keys("s3://out/") == ["p_0000_part_00.gz", "p_0001_part_00.gz", "p_manifest"]
    manifest = json.loads(_body(redshift, "p_manifest"))
    urls = [entry["url"] for entry in manifest["entries"]]
    assert urls == ["s3://out/p_0000_part_00.gz", "s3://out/p_0001_part_00.gz"]
    bodies = [redshift.s3.get(url) for url in urls]
    assert [entry["meta"] for entry in manifest["entries"]] == [
        {"content_length": len(body), "record_count": 1} for body in bodies
    ]
    rows = [row for body in bodies for row in csv.DictReader(io.StringIO(gzip.decompress(body).decode()))]
    assert rows == [{"n": "1", "v": 'x,"y"'}, {"n": "2", "v": ""}]


def test_a_manifest_of_an_unload_loads_again(redshift, connection):
    _unload(connection, "CSV MANIFEST")
    connection.execute("CREATE TABLE t (n int, v varchar)")
    connection.execute(f"COPY t FROM 's3://out/p_manifest' {ROLE} CSV MANIFEST EMPTYASNULL")
    assert connection.execute("SELECT * FROM t ORDER BY n").fetchall() == [(1, 'x,"y"'), (2, None)]


def test_a_place_that_is_not_empty_is_refused_unless_overwriting_is_allowed(redshift, connection):
    _unload(connection, "CSV PARALLEL OFF")
    with pytest.raises(psycopg.errors.InternalError_, match="Specified unload destination on S3 is not empty"):
        _unload(connection, "CSV PARALLEL OFF")
    _unload(connection, "CSV PARALLEL OFF ALLOWOVERWRITE", "SELECT 3 -- and no more")
    assert _body(redshift, "p_000") == "3\n"
    _unload(connection, "JSON CLEANPATH", "SELECT true AS yes, 2.50 AS n, json_parse('[true]') AS s")
    assert redshift.s3.keys("s3://out/") == ["p_0000_part_00", "p_0001_part_00"]
    assert _body(redshift, "p_0000_part_00") == '{"yes":"t","n":2.50,"s":[true]}\n'
    _unload(connection, "JSON CLEANPATH", "SELECT 1 AS n WHERE false")
    assert redshift.s3.keys("s3://out/") == []


def test_the_query_reads_the_callers_transaction_in_redshifts_words(redshift, connection):
    with connection.transaction():
        connection.execute("CREATE TABLE t (v varchar)")
        connection.execute("INSERT INTO t VALUES (null), ('a''b')")
        connection.execute(f"UNLOAD ('SELECT nvl(v, ''none'') FROM t ORDER BY v') TO 's3://out/q' {ROLE} PARALLEL OFF")
    assert _body(redshift, "q000") == "a'b\nnone\n"
    assert connection.execute("SELECT pg_last_unload_count()").fetchone() == (2,)


def test_texts_with_line_ends_and_odd_separators_survive(redshift, connection):
    _unload(connection, "CSV PARALLEL OFF", "SELECT 'a\\nb\\tc\\\\d\u2028e' AS v")
    assert next(csv.reader(io.StringIO(_body(redshift, "p_000"), newline=""))) == ["a\nb\tc\\d\u2028e"]


@pytest.mark.parametrize(
    ("sql", "error", "message"),
    [
        ("UNLOAD ('SELECT 1') TO 's3://out/x'", "InternalError_", "requires authorization"),
        (f"UNLOAD ('SELECT 1 LIMIT 1') TO 's3://out/x' {ROLE}", "FeatureNotSupported", "Limit clause"),
        (f"UNLOAD ('DELETE FROM t') TO 's3://out/x' {ROLE}", "SyntaxError", "one SELECT"),
        (f"UNLOAD ('SELECT * FROM missing') TO 's3://out/x' {ROLE}", "UndefinedTable", "missing"),
        (f"UNLOAD ('SELECT 1') TO 's3://nowhere/x' {ROLE}", "InternalError_", "NoSuchBucket"),
        (f"UNLOAD ('SELECT 1') TO 's3://out/x' {ROLE} PARQUET", "FeatureNotSupported", "PARQUET is not covered"),
        (f"UNLOAD ('SELECT 1') TO 'x' {ROLE}", "InternalError_", "needs an Amazon S3 location"),
        (f"UNLOAD ('SELECT 1') TO 's3://out/x' {ROLE} JSON HEADER", "SyntaxError", "JSON is not supported with HEADER"),
        (f"UNLOAD ('SELECT 1') TO 's3://out/x' {ROLE} CSV ADDQUOTES", "SyntaxError", "with ADDQUOTES"),
        (f"UNLOAD ('SELECT 1') TO 's3://out/x' {ROLE} CLEANPATH ALLOWOVERWRITE", "SyntaxError", "CLEANPATH"),
        (f"UNLOAD ('SELECT 1') TO 's3://out/x' {ROLE} MAXFILESIZE 4 MB", "InternalError_", "between 5 MB"),
    ],
)
def test_an_unload_that_cannot_run_says_why(redshift, connection, sql: str, error: str, message: str):
    with pytest.raises(getattr(psycopg.errors, error), match=message):
        connection.execute(sql)
    assert redshift.s3.keys("s3://out/") == []


def test_a_limit_within_a_subquery_is_fine(redshift, connection):
    _unload(connection, "PARALLEL OFF", "SELECT * FROM (SELECT 1 LIMIT 1) AS s")
    assert _body(redshift, "p_000") == "1\n"
