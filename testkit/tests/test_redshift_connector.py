"""The contract with Amazon's own driver, which speaks the extended protocol alone."""

import pytest
import redshift_connector


@pytest.fixture
def connection(redshift):
    opened = redshift_connector.connect(
        host=redshift.host,
        port=redshift.port,
        user=redshift.user,
        password=redshift.password,
        database=redshift.dbname,
        ssl=False,
    )
    yield opened
    opened.close()


def test_the_official_driver_queries_with_parameters(connection):
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (a int, v varchar(10), d decimal(10,2))")
    cursor.execute("INSERT INTO t VALUES (%s, %s, %s)", (1, "ñ", 2.5))
    cursor.execute("SELECT a, nvl(v, 'none'), d FROM t")
    assert [tuple(map(str, row)) for row in cursor.fetchall()] == [("1", "ñ", "2.50")]
    connection.commit()


def test_the_official_driver_copies_and_unloads(redshift, connection):
    redshift.s3.create_bucket("load")
    redshift.s3.put("s3://load/in", "1\n2\n")
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (a int)")
    cursor.execute("COPY t FROM 's3://load/in' IAM_ROLE default CSV")
    cursor.execute("UNLOAD ('SELECT sum(a) FROM t') TO 's3://load/out' IAM_ROLE default PARALLEL OFF")
    connection.rollback()
    assert redshift.s3.get("s3://load/out000") == b"3\n"


def test_the_official_driver_sees_the_load_error_and_rolls_back(redshift, connection):
    redshift.s3.create_bucket("load")
    redshift.s3.put("s3://load/in", "x\n")
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (a int)")
    with pytest.raises(redshift_connector.error.ProgrammingError, match="Load into table 't' failed"):
        cursor.execute("COPY t FROM 's3://load/in' IAM_ROLE default CSV")
    connection.rollback()
    cursor.execute("SELECT line_number, trim(err_reason) FROM stl_load_errors")
    assert list(map(tuple, cursor.fetchall())) == [(1, "Invalid digit, Value 'x', Pos 0, Type: Integer")]
