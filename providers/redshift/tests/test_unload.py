"""From Redshift to S3."""

import pytest

from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.operators import RedshiftSQLOperator
from penstock_redshift.transfers import RedshiftToS3Operator

pytestmark = pytest.mark.usefixtures("runtime")


def test_a_query_with_quotes_goes_to_the_server_untouched(redshift, bucket):
    """Airflow undoubles quotes of the query by a regular expression."""
    RedshiftSQLOperator(
        task_id="x", sql="CREATE TABLE t (a varchar(9), b varchar(9)); INSERT INTO t VALUES ('', 'it''s'), ('y', '%')"
    ).execute({})
    query = "SELECT b FROM t WHERE a = '' AND b = 'it''s' OR b LIKE '%' ORDER BY b"

    answer = RedshiftToS3Operator(
        task_id="u", select_query=query, s3_url=f"s3://{bucket}/out/part", unload_options=["CSV", "PARALLEL OFF"]
    ).execute({})

    assert answer == {"rows": 2, "s3_url": f"s3://{bucket}/out/part"}
    (key,) = redshift.s3.keys(f"s3://{bucket}/out/")
    assert redshift.s3.get(f"s3://{bucket}/{key}").decode().split() == ["%", "it's"]


@pytest.mark.parametrize("text", ["C:\\x", "a\\'b", "100 % $$ ü"])
def test_what_stands_in_the_query_is_read_twice_and_stays_what_it_is(redshift, bucket, text):
    inner = text.replace("\\", "\\\\").replace("'", "''")
    url = f"s3://{bucket}/o'u\\t/"

    RedshiftToS3Operator(
        task_id="u", select_query=f"SELECT '{inner}' AS b -- ;", s3_url=url, unload_options=["PARALLEL OFF"]
    ).execute({})

    (key,) = redshift.s3.keys(url)
    assert redshift.s3.get(f"s3://{bucket}/{key}").decode() == f"{text}\n"


def test_files_of_an_earlier_try_are_not_mixed_in_silence(redshift, bucket):
    task = RedshiftToS3Operator(task_id="u", select_query="SELECT 1", s3_url=f"s3://{bucket}/out/part")
    task.execute({})

    with pytest.raises(ProviderError):
        task.execute({})


def test_the_sql_operator_gives_the_value_of_its_handler():
    task = RedshiftSQLOperator(
        task_id="x", sql=["SELECT %(n)s + 1"], parameters={"n": 4}, handler=lambda cursor: cursor.fetchone()[0]
    )

    assert task.execute({}) == 5


def test_options_that_are_no_list_are_refused_when_authoring():
    with pytest.raises(ValueError, match="unload_options is no list"):
        RedshiftToS3Operator(task_id="x", select_query="SELECT 1", s3_url="s3://b/k", unload_options="CSV")


def test_the_sql_operator_tells_a_syntax_error_as_final():
    with pytest.raises(ProviderError, match="syntax error") as raised:
        RedshiftSQLOperator(task_id="x", sql="SELEC 1").execute({})

    assert raised.value.kind is ErrorKind.INVALID
    assert not raised.value.retryable
