"""What RedshiftToS3Operator writes, S3ToRedshiftOperator loads back, whatever its rows and options."""

import pytest

from penstock_redshift.transfers import RedshiftToS3Operator, S3ToRedshiftOperator

pytestmark = pytest.mark.usefixtures("runtime")

ROWS = [
    (1, "C:\\x", None), (2, "it's \"odd\"", "|"), (3, "a\nb\tc\r\n", ","), (4, "", "nothing"), (5, None, "\\N"),
    (6, " ü€😀 ", "'"), (7, "\\", '"'), (8, "100 % $$", '"quoted"'),
]  # fmt: skip
NULL = "NULL AS '<nothing>'"


@pytest.mark.parametrize(
    ("unload", "copy"),
    [
        pytest.param(["ESCAPE", NULL], ["ESCAPE", NULL], id="text"),
        pytest.param(["ESCAPE", "DELIMITER '\\t'", NULL], ["ESCAPE", "DELIMITER '\\t'", NULL], id="tabs"),
        pytest.param(["ESCAPE", "ADDQUOTES", NULL], ["ESCAPE", "REMOVEQUOTES", NULL], id="quotes"),
        pytest.param(["CSV", NULL], ["CSV", NULL], id="csv"),
        pytest.param(["CSV", "HEADER", "GZIP", NULL], ["CSV", "IGNOREHEADER 1", "GZIP", NULL], id="csv with a header"),
        pytest.param(["JSON", "BZIP2"], ["JSON 'auto'", "BZIP2"], id="json"),
    ],
)
def test_what_is_unloaded_loads_again(hook, bucket, unload, copy):
    hook.run("CREATE TABLE t (id integer, a varchar(40), b varchar(20)); CREATE TABLE u (LIKE t)")
    for row in ROWS:
        hook.run("INSERT INTO t VALUES (%s, %s, %s)", row)
    url = f"s3://{bucket}/out/"

    RedshiftToS3Operator(
        task_id="u", select_query="SELECT * FROM t", s3_url=url, unload_options=[*unload, "MANIFEST VERBOSE"]
    ).execute({})
    answer = S3ToRedshiftOperator(task_id="l", table="u", s3_key=url, copy_options=copy).execute({})

    assert answer["rows"] == len(ROWS)
    assert hook.get_records("SELECT * FROM u ORDER BY id") == ROWS


@pytest.mark.parametrize("options", [["ESCAPE"], ["CSV", "GZIP"]])
def test_an_unload_of_no_rows_is_a_load_of_none(hook, bucket, options):
    hook.run("CREATE TABLE u (id integer)")
    url = f"s3://{bucket}/out/"

    RedshiftToS3Operator(
        task_id="u", select_query="SELECT 1 WHERE false", s3_url=url, unload_options=[*options, "MANIFEST"]
    ).execute({})

    assert S3ToRedshiftOperator(task_id="l", table="u", s3_key=url, copy_options=options).execute({})["rows"] == 0
