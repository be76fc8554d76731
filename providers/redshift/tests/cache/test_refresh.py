"""Relations of the cache, and what their refreshes do."""

import threading
from contextvars import copy_context
from decimal import Decimal

import pytest

from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.operators import RedshiftCacheDropOperator, RedshiftCacheRefreshOperator
from penstock_testkit.processes import wait_until

ROWS = "SELECT id, seller, price FROM sales ORDER BY id"
BOTH = [(1, "ann", Decimal("1.50")), (2, "bob", Decimal("2.00"))]
KEYED = {"kind": "table", "keys": ["id"], "incremental_key": "changed_at"}


@pytest.mark.parametrize("keys", [[], ["id"]])
def test_a_view_has_the_columns_of_the_warehouse_and_is_refreshed_as_a_whole(cache, hook, create, refresh, keys):
    assert create(keys=keys)["rows"] == 2
    assert create(keys=keys) == {"name": "public.sales", "created": False}, "a repetition makes nothing"
    types = cache.get_records(
        "SELECT atttypid::regtype::text, atttypmod > 0 FROM pg_attribute WHERE attrelid = 'sales'::regclass AND attnum > 0"
    )
    assert types == [
        ("bigint", False), ("text", False), ("numeric", True), ("timestamp without time zone", False), ("jsonb", False),
    ]  # fmt: skip
    assert cache.get_first("SELECT more ->> 'a' FROM sales WHERE id = 2") == ("1",)

    hook.run("DELETE FROM sales WHERE id = 1; INSERT INTO sales VALUES (3, 'C:\\\\x''y', 3, NULL, NULL)")
    assert cache.get_records(ROWS) == BOTH
    done = refresh()
    assert (done["mode"], done["rows"]) == ("concurrent" if keys else "full", 2)
    assert cache.get_records(ROWS) == [BOTH[1], (3, "C:\\x'y", Decimal("3.00"))]
    assert refresh(mode="full")["mode"] == "full"


def test_a_table_takes_what_is_new_and_a_full_refresh_takes_what_is_gone(cache, hook, create, refresh):
    create(**KEYED)
    hook.run(
        "UPDATE sales SET price = 9, changed_at = '2026-01-02 00:00' WHERE id = 1; DELETE FROM sales WHERE id = 2;"
        "INSERT INTO sales VALUES (3, 'cy', 3, '2026-01-01 10:55', NULL), (4, 'dee', 4, '2026-01-01 10:00', NULL)"
    )
    done = refresh(overlap=600)
    assert (done["mode"], done["written"], done["removed"]) == ("incremental", 2, 0)
    assert cache.get_records("SELECT id, price::int FROM sales ORDER BY id") == [(1, 9), (2, 2), (3, 3)], "4 is too old"
    assert cache.get_first("SELECT watermark FROM penstock_cache.relations") == ("2026-01-02 00:00:00",)
    assert refresh()["written"] == 0, "what is equal is not written again"

    done = refresh(mode="full")
    assert (done["written"], done["removed"]) == (1, 1)
    assert cache.get_records("SELECT id FROM sales ORDER BY id") == [(1,), (3,), (4,)]


def test_an_older_row_does_not_replace_a_newer_one(cache, hook, create, refresh):
    create(**KEYED)
    hook.run("UPDATE sales SET price = 7, changed_at = '2026-01-01 10:59' WHERE id = 2")
    assert refresh()["written"] == 0
    assert cache.get_records(ROWS) == BOTH


def test_the_newest_of_several_rows_of_a_key_counts_and_none_of_several_is_guessed(cache, hook, create, refresh):
    create(**KEYED)
    hook.run("INSERT INTO sales VALUES (2, 'bob', 5, '2026-01-01 12:00', NULL)")
    refresh()
    assert cache.get_records(ROWS) == [BOTH[0], (2, "bob", Decimal("5.00"))]
    hook.run("INSERT INTO sales VALUES (2, 'bob', 6, '2026-01-01 12:00', NULL)")
    for mode in ("incremental", "full"):
        with pytest.raises(ProviderError, match="rows of id 2 differ, and none is the newest") as raised:
            refresh(mode=mode)
        assert raised.value.kind is ErrorKind.INVALID


@pytest.mark.parametrize("keys", [[], ["id"]])
def test_many_rows_go_by_files_and_arrive_as_they_are(cache, hook, create, refresh, bucket, keys):
    create(kind="table", keys=keys, fill=False)
    odd = [(3, "C:\\x\t\\.\r\n"), (4, ""), (5, None), (6, "\\N"), (7, "ü\"€'|")]
    for row in odd:
        hook.run("INSERT INTO sales (id, seller) VALUES (%s, %s)", row)
    hook.run("""INSERT INTO sales (id, more) VALUES (8, JSON_PARSE('{"t":"a\\\\"\\\\\\\\b"}'))""")
    url = f"s3://{bucket}/cache"
    for _ in range(2):
        done = refresh(s3_url=url, iam_role="arn:aws:iam::123456789012:role/penstock-tests")
        assert (done["mode"], done["rows"]) == ("full", 8)
    assert cache.get_records("SELECT id, seller FROM sales WHERE id BETWEEN 3 AND 7 ORDER BY id") == odd
    assert cache.get_records(ROWS)[:2] == BOTH
    assert cache.get_first("SELECT more ->> 't' FROM sales WHERE id = 8") == ('a"\\b',)
    assert list(hook_objects(bucket)) == [], "no file is left"


def hook_objects(bucket):
    from penstock.spec.object_store import open_store  # noqa: PLC0415 - in the runtime of the test

    return open_store("s3://", None).list(f"s3://{bucket}/")


def test_many_who_ask_at_once_cause_one_refresh(cache, create):
    create(keys=["id"])
    done = []
    with cache.session(autocommit=False) as holder:
        holder.run("SELECT 1 FROM penstock_cache.relations FOR UPDATE")
        operator = RedshiftCacheRefreshOperator(task_id="r", name="sales")
        threads = [
            threading.Thread(target=copy_context().run, args=(lambda: done.append(operator.execute({})),))
            for _ in range(6)
        ]
        for each in threads:
            each.start()
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        wait_until(lambda: cache.get_first(waiting) == (6,), seconds=60, otherwise=lambda: "they do not all wait")
        holder.connection.rollback()
    for each in threads:
        each.join(60)
    assert sorted(each["refreshed"] for each in done) == [False] * 5 + [True]
    assert cache.get_first("SELECT refreshes FROM penstock_cache.relations") == (2,)


def test_a_refresh_that_is_new_enough_is_not_repeated(cache, create, refresh):
    create()
    assert refresh(max_staleness_s=3600)["refreshed"] is False
    assert refresh()["refreshed"] is True


def test_a_refresh_that_fails_leaves_the_old_content(cache, hook, create, refresh):
    create(keys=["id"])
    hook.run("ALTER TABLE sales ADD COLUMN color varchar(8)")
    assert refresh()["rows"] == 2, "a new column there is none here"
    hook.run("ALTER TABLE sales DROP COLUMN seller")
    with pytest.raises(ProviderError, match="seller"):
        refresh()
    assert cache.get_records(ROWS) == BOTH


def test_another_shape_is_refused_or_replaces_the_old_one(cache, create):
    create()
    query = {"table": "", "sql": "SELECT seller, sum(price) AS total FROM sales GROUP BY 1;"}
    with pytest.raises(ProviderError, match="another shape") as raised:
        create(**query)
    assert raised.value.kind is ErrorKind.CONFLICT
    assert create(**query, replace=True)["rows"] == 2
    assert cache.get_records("SELECT * FROM sales ORDER BY 1") == [("ann", Decimal("1.50")), ("bob", Decimal("2.00"))]


def test_what_is_dropped_is_gone_and_a_repetition_does_nothing(cache, create, refresh):
    create()
    assert RedshiftCacheDropOperator(task_id="d", name="sales").execute({}) is True
    assert RedshiftCacheDropOperator(task_id="d", name="sales").execute({}) is False
    assert cache.get_first("SELECT to_regclass('sales')") == (None,)
    with pytest.raises(ProviderError, match=r"no public\.sales in the cache") as raised:
        refresh()
    assert raised.value.kind is ErrorKind.NOT_FOUND


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"keys": ["nr"]}, "the key nr is no column"),
        ({**KEYED, "incremental_key": "seller"}, "must be a number, a date or a timestamp"),
        ({"table": "", "sql": "SELECT 1 AS a; SELECT 2 AS b"}, "one query"),
        ({"table": "", "sql": "DELETE FROM sales"}, "one query"),
        ({"table": "", "sql": "SELECT id, price AS id FROM sales"}, "cannot be told from others"),
        ({"table": "", "sql": "SELECT TO_VARBYTE('a', 'utf8') AS b"}, "TO_HEX"),
        ({"table": "nowhere"}, "nowhere"),
    ],
)
@pytest.mark.usefixtures("cache")
def test_what_cannot_be_cached_is_refused_with_a_reason(create, change, says):
    with pytest.raises(ProviderError) as raised:
        create(**change)
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "arguments", "says"),
    [
        ("view", {"mode": "incremental"}, "full and concurrent"),
        ("view", {"mode": "concurrent"}, "needs keys"),
        ("view", {"s3_url": "s3://b/c"}, "make a table of it"),
        ("table", {"mode": "incremental"}, "needs keys and an incremental_key"),
    ],
)
@pytest.mark.usefixtures("cache")
def test_a_mode_that_a_relation_does_not_have_is_refused(create, refresh, kind, arguments, says):
    create(kind=kind)
    with pytest.raises(ProviderError, match=says):
        refresh(**arguments)
