"""From S3 into Redshift, exactly once, whatever happens on the way."""

import contextlib
import contextvars
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from penstock.errors import ErrorKind, ProviderError, SkipTask
from penstock_redshift.transfers import S3ToRedshiftOperator

pytestmark = pytest.mark.usefixtures("runtime")

TABLE = "CREATE TABLE t (id integer, name varchar(10), at timestamp)"


def load(*sources, **options):
    """Run the operator on files; its answer."""
    task = S3ToRedshiftOperator(
        task_id="load", table="t", s3_key=list(sources), copy_options=["CSV", "TIMEFORMAT 'auto'"], **options
    )
    return task.execute({})


def rows(hook, order="id, name"):
    return hook.get_records(f"SELECT id, name FROM t ORDER BY {order}")


def test_files_are_loaded_once_however_often_it_runs(hook, put, capsys):
    hook.run(TABLE)
    url = put("in/a.csv", "1,one,2026-01-01", "2,two,2026-01-02")

    first, second = load(url), load(url)

    assert (first["rows"], first["files"], first["loaded"]) == (2, 1, True)
    assert (second["rows"], second["loaded"]) == (2, False)
    assert rows(hook) == [(1, "one"), (2, "two")]
    assert "nothing is loaded. To load it again: DELETE FROM" in capsys.readouterr().out


def test_what_a_person_is_told_lets_the_load_be_done_again(hook, put, capsys):
    hook.run(TABLE)
    url = put("in/a.csv", "1,one,2026-01-01")
    load(url, load_key="it's")
    load(url, load_key="it's")
    statement = capsys.readouterr().out.partition("To load it again: ")[2].splitlines()[0]

    hook.run(statement)

    assert load(url, load_key="it's")["loaded"]
    assert rows(hook) == [(1, "one")] * 2


def test_a_changed_file_is_another_load_unless_the_key_says_it_is_the_same(hook, put):
    hook.run(TABLE)
    load(put("in/a.csv", "1,one,2026-01-01"))
    assert load(put("in/a.csv", "2,two,2026-01-01"))["loaded"]
    assert load(put("in/a.csv", "3,three,2026-01-01"), load_key="2026-01-01T00")["loaded"]
    assert not load(put("in/a.csv", "4,four,2026-01-01"), load_key="2026-01-01T00")["loaded"]

    assert rows(hook) == [(1, "one"), (2, "two"), (3, "three")]


def test_one_key_counts_for_each_table_by_itself(hook, put):
    hook.run(TABLE + "; CREATE TABLE u (LIKE t)")
    url = put("in/a.csv", "1,one,2026-01-01")

    load(url, load_key="hour")
    S3ToRedshiftOperator(
        task_id="u", table="u", s3_key=url, copy_options=["CSV", "TIMEFORMAT 'auto'"], load_key="hour"
    ).execute({})

    assert hook.get_first("SELECT count(*) FROM u") == (1,)


def test_a_prefix_means_its_files_without_markers_and_empty_ones(hook, put, redshift, bucket):
    hook.run(TABLE)
    put("in/a.csv", "1,one,2026-01-01")
    put("in/b/c.csv", "2,two,2026-01-01")
    put("in/_SUCCESS", "not,a,row")
    put("in/_tmp/d.csv", "not,a,row")
    put("in/empty.csv")

    assert load(f"s3://{bucket}/in/")["files"] == 2
    (manifest,) = redshift.s3.keys(f"s3://{bucket}/_penstock/")
    entries = json.loads(redshift.s3.get(f"s3://{bucket}/{manifest}"))["entries"]
    assert [each["url"].rpartition("/")[2] for each in entries] == ["a.csv", "c.csv"]
    assert all(each["mandatory"] for each in entries)
    assert entries[0]["meta"] == {"content_length": 17}


def test_keys_and_a_bucket_do_as_well_as_urls(hook, put, bucket):
    hook.run(TABLE)
    put("a.csv", "1,one,2026-01-01")

    assert load("a.csv", s3_bucket=bucket)["rows"] == 1


def test_no_access_key_stands_in_any_statement(hook, put, redshift):
    """Airflow writes the key pair into COPY, unless the connection has a role."""
    hook.run(TABLE)
    load(put("a.csv", "1,one,2026-01-01"))
    load(put("b.csv", "1,one,2026-01-01"), iam_role=redshift.iam_role)

    sent = [each.sql for each in redshift.statements if "COPY" in each.sql]
    assert "IAM_ROLE default MANIFEST" in sent[0]
    assert f"IAM_ROLE '{redshift.iam_role}' MANIFEST" in sent[1]
    assert not [each for each in sent if "testing" in each or "CREDENTIALS" in each.upper()]


@pytest.mark.parametrize("missing", ["gone.csv", "gone/"])
def test_files_that_are_not_there_are_told_before_anything_runs(hook, bucket, redshift, missing):
    hook.run(TABLE)

    with pytest.raises(ProviderError, match="there is no file to load") as raised:
        load(f"s3://{bucket}/{missing}")
    assert raised.value.kind is ErrorKind.NOT_FOUND
    assert not [each for each in redshift.statements if "COPY" in each.sql]


def test_files_that_may_be_missing_skip_the_task_and_a_missing_bucket_does_not(bucket):
    with pytest.raises(SkipTask, match="there is no file to load"):
        load(f"s3://{bucket}/gone/", if_missing="skip")
    with pytest.raises(ProviderError):
        load(f"s3://{bucket}-gone/gone/", if_missing="skip")


def test_a_missing_bucket_and_a_missing_table_are_told(hook, put):
    url = put("a.csv", "1,one,2026-01-01")
    with pytest.raises(ProviderError, match="no such bucket"):
        load("s3://no-such-bucket/a.csv")
    with pytest.raises(ProviderError, match=r'relation "public.t" does not exist') as raised:
        load(url)
    assert raised.value.kind is ErrorKind.NOT_FOUND


def test_a_table_is_created_on_the_way_if_asked_to(hook, put):
    create = TABLE.replace("TABLE t", "TABLE IF NOT EXISTS t")

    load(put("a.csv", "1,one,2026-01-01"), create_sql=f"{create};")
    load(put("b.csv", "2,two,2026-01-01"), create_sql=f"{create};")

    assert rows(hook) == [(1, "one"), (2, "two")]


def test_columns_may_be_fewer_and_in_another_order(hook, put):
    hook.run(TABLE)

    load(put("a.csv", "one,1"), column_list=["name", "id"])

    assert rows(hook) == [(1, "one")]


def test_replace_puts_rows_in_place_of_all_and_keeps_the_old_ones_if_it_fails(hook, put, redshift):
    """Airflow emptied the table in a transaction of its own: apache/airflow#14888."""
    hook.run(f"{TABLE}; INSERT INTO t VALUES (7, 'old')")
    url = put("a.csv", "1,one,2026-01-01")
    redshift.faults.fail_copies()

    with pytest.raises(ProviderError):
        S3ToRedshiftOperator(
            task_id="x", table="t", s3_key=url, copy_options=["CSV", "NO SUCH OPTION"], method="replace"
        ).execute({})
    assert rows(hook) == [(7, "old")]
    redshift.faults.clear()
    for _ in range(2):
        assert load(url, method="REPLACE")["loaded"]
    assert rows(hook) == [(1, "one")]


def test_replace_with_a_ledger_leaves_the_rows_of_all_its_files_and_of_no_others(hook, put):
    hook.run(TABLE)
    first, second = put("a.csv", "1,one,2026-01-01"), put("b.csv", "2,two,2026-01-01")
    found = []
    for files in ([first], [first, second], [first, second], [second]):
        answer = load(*files, method="replace", idempotency="ledger")
        found.append((answer["loaded"], [row[0] for row in rows(hook)]))

    assert found == [(True, [1]), (True, [1, 2]), (False, [1, 2]), (True, [2])]


def test_truncate_empties_first_as_often_as_it_is_tried(hook, put, redshift):
    hook.run(f"{TABLE}; INSERT INTO t VALUES (7, 'old')")
    redshift.faults.drop_copies(1)

    load(put("a.csv", "1,one,2026-01-01"), method="truncate")

    assert rows(hook) == [(1, "one")]


def test_refused_rows_are_reported_with_file_line_column_and_reason(hook, put, bucket):
    hook.run(TABLE)
    put("in/a.csv", "1,one,2026-01-01", "x,two,2026-01-01")

    with pytest.raises(ProviderError) as raised:
        load(f"s3://{bucket}/in/")

    text, error = str(raised.value), raised.value
    assert error.kind is ErrorKind.INVALID
    assert not error.retryable
    assert "1 rows were refused" in text
    assert "column id (int4" in text
    assert f"s3://{bucket}/in/a.csv line 2" in text
    assert "Nothing was loaded" in text
    assert rows(hook) == []


def test_the_report_says_what_to_do_about_each_cause(hook, put):
    hook.run("CREATE TABLE t (id integer, name char(9), at timestamp, day date)")
    url = put("a.csv", "1,ä,,", "2,a,2026-01-01T00:00:00Z,", "3,a,,01/02/2026", '4,"a')

    with pytest.raises(ProviderError) as raised:
        S3ToRedshiftOperator(
            task_id="x", table="t", s3_key=url, copy_options=["CSV", "MAXERROR 4"]
        ).execute({})  # fmt: skip

    text = str(raised.value)
    for advice in ("make it a VARCHAR", "TIMEFORMAT 'auto'", "DATEFORMAT 'auto'"):
        assert advice in text


def test_rows_passed_over_by_maxerror_are_reported_by_their_causes(hook, put, capsys):
    hook.run(TABLE)
    url = put("a.csv", "1,one,2026-01-01", "x,two,2026-01-01", "y,two,2026-01-01", "3,much too long for it,2026-01-01")

    answer = S3ToRedshiftOperator(
        task_id="x", table="t", s3_key=url, copy_options=["CSV", "MAXERROR 9", "TIMEFORMAT 'auto'"]
    ).execute({})

    out = capsys.readouterr().out
    assert (answer["rows"], rows(hook)) == (1, [(1, "one")])
    assert "3 rows were refused" in out
    assert "2 x column id" in out
    assert "Widen the column" in out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"s3_key": []}, "names no file"),
        ({"method": "rebuild"}, "write one of append, replace, truncate, swap, upsert, merge"),
        ({"method": "upsert"}, "belong together"),
        ({"upsert_keys": ["id"]}, "belong together"),
        ({"incremental_key": "at"}, "belongs to the methods"),
        ({"idempotency": "always"}, "write one of auto, ledger, none"),
        ({"if_missing": "ignore"}, "write one of fail, skip"),
        ({"method": "truncate", "idempotency": "ledger"}, "TRUNCATE commits by itself"),
        ({"method": "upsert", "upsert_keys": "id"}, "upsert_keys is no list"),
        ({"column_list": "id"}, "column_list is no list"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        S3ToRedshiftOperator(**{"task_id": "x", "table": "t", "s3_key": "s3://b/k"} | options)


def test_a_load_key_that_the_ledger_cannot_hold_is_refused_before_anything_is_loaded(hook, put):
    hook.run(TABLE)

    for key, says in (("ü" * 300, "has 600 bytes, the ledger holds 512"), ("day ", "'day ' ends in a blank")):
        with pytest.raises(ProviderError, match=says):
            load(put("a.csv", "1,one,2026-01-01"), load_key=key)
    assert rows(hook) == []


@pytest.mark.parametrize("fault", ["drop_copies", "fail_copies", "serialization_violations"])
def test_a_copy_that_is_cut_is_done_again_and_counts_once(hook, put, redshift, fault):
    hook.run(TABLE)
    url = put("a.csv", *(f"{n},n,2026-01-01" for n in range(500)))
    getattr(redshift.faults, fault)(1)

    assert load(url) | {"load_key": ""} == {"rows": 500, "files": 1, "bytes": 8390, "load_key": "", "loaded": True}
    assert hook.get_first("SELECT count(*), count(DISTINCT id) FROM t") == (500, 500)


def test_two_at_once_load_once(hook, put):
    hook.run(TABLE)
    url = put("a.csv", *(f"{n},n,2026-01-01" for n in range(300)))
    answers = []
    threads = [
        threading.Thread(target=contextvars.copy_context().run, args=(lambda: answers.append(load(url)),))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(each["loaded"] for each in answers) == [False, False, False, True]
    assert hook.get_first("SELECT count(*) FROM t") == (300,)


KILLED = """
import sys
sys.path.insert(0, {tests!r})
import conftest
from penstock import Connection
from penstock.author.runtime import current
from penstock_redshift.transfers import S3ToRedshiftOperator
redshift = Connection("redshift_default", "redshift", **{redshift!r})
aws = Connection("aws_default", "aws", **{aws!r})
current.set(conftest.Surroundings(redshift, aws))
print("ready", flush=True)
S3ToRedshiftOperator(
    task_id="x", table="t", s3_key={url!r}, copy_options=["CSV", "TIMEFORMAT 'auto'"]
).execute({{}})
"""


@pytest.mark.parametrize("moment", ["COPY", "INSERT INTO", "LOCK"])
def test_a_kill_in_the_middle_and_a_second_run_load_once(hook, put, redshift, moment):
    hook.run(TABLE)
    url = put("a.csv", *(f"{n},n,2026-01-01" for n in range(2000)))
    connection = hook.connection
    code = KILLED.format(
        tests=str(Path(__file__).parent),
        redshift={
            "host": connection.host, "port": connection.port, "login": connection.login,
            "password": connection.password, "schema": connection.schema, "extra": connection.extra,
        },
        aws={
            "login": "testing", "password": "testing",
            "extra": {"endpoint_url": redshift.s3.endpoint_url, "region_name": "us-east-1", "addressing_style": "path"},
        },
        url=url,
    )  # fmt: skip
    redshift.faults.latency(0.2)
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    while not any(each.sql.startswith(moment) for each in redshift.statements):
        with contextlib.suppress(subprocess.TimeoutExpired):
            assert child.wait(0.05) is None, "it ended before it was killed"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    redshift.faults.clear()

    assert load(url)["loaded"], "the killed one never committed"
    assert not load(url)["loaded"]
    assert hook.get_first("SELECT count(*), count(DISTINCT id) FROM t") == (2000, 2000)
    assert hook.get_first("SELECT count(*), sum(load_rows) FROM penstock_loads") == (1, 2000)
