"""What Redshift refuses, and what stands beside it and is fine."""

import pytest

from penstock_testkit.redshift.dialect import rewrite
from penstock_testkit.redshift.errors import RedshiftError
from penstock_testkit.redshift.lexer import statement
from penstock_testkit.redshift.refused import refuse_too_large

REFUSED = [
    ("CREATE UNIQUE INDEX i ON t (a)", "0A000"),
    ("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", "42601"),
    ("INSERT INTO t VALUES (1) RETURNING a", "42601"),
    ("SAVEPOINT s", "0A000"),
    ("ROLLBACK TO SAVEPOINT s", "0A000"),
    ("DEALLOCATE ALL", "42601"),
    ("DISCARD ALL", "42601"),
    ("TRUNCATE a, b", "42601"),
    ("TRUNCATE TABLE s.a CASCADE", "42601"),
    ("LOCK t IN SHARE MODE", "42601"),
    ("VACUUM (VERBOSE, ANALYZE) t", "42601"),
    # columns and tables
    ("CREATE TABLE t (a uuid)", "0A000"),
    ("CREATE TABLE t (a int[])", "0A000"),
    ("CREATE TABLE t (a jsonb)", "0A000"),
    ("CREATE TABLE t (a interval)", "0A000"),
    ("CREATE TABLE t (a varchar(65536))", "22023"),
    ("CREATE TABLE t (a decimal(39, 2))", "22023"),
    ("CREATE TABLE t (a decimal(5, 6))", "22023"),
    ("CREATE TABLE t (a int CHECK (a > 1))", "0A000"),
    ("CREATE TABLE t (oid int)", "42701"),
    ("CREATE TABLE t (a int) WITH (fillfactor = 10)", "42601"),
    ("CREATE TABLE IF NOT EXISTS t AS SELECT 1 AS a", "42601"),
    ("CREATE TABLE t (LIKE u INCLUDING ALL)", "42601"),
    ("CREATE TEMP TABLE t (a int) ON COMMIT DROP", "42601"),
    (f"CREATE TABLE t ({'x' * 64} int)", "0A000"),
    ("ALTER TABLE t ADD COLUMN a json", "0A000"),
    ("ALTER TABLE t ADD COLUMN a int, ADD COLUMN b int", "42601"),
    ("ALTER TABLE t ADD COLUMN IF NOT EXISTS a int", "42601"),
    ("ALTER TABLE t ADD COLUMN a int NOT NULL", "0A000"),
    ("ALTER TABLE t ADD COLUMN a int IDENTITY(1, 1)", "0A000"),
    ("ALTER TABLE t DROP COLUMN IF EXISTS a", "42601"),
    ("ALTER TABLE t ALTER COLUMN a TYPE bigint", "0A000"),
    ("ALTER TABLE t ALTER COLUMN a SET NOT NULL", "42601"),
    ("ALTER TABLE t ALTER a TYPE varchar(9)", "42601"),
    ("ALTER TABLE t SET SCHEMA s", "42601"),
    ("CREATE VIEW v AS SELECT * FROM t WITH NO SCHEMA BINDING", "42601"),
    # literals, types and operators
    (r"SELECT E'a\\b'", "42704"),
    ("SELECT 'x'::uuid", "42704"),
    ("SELECT CAST('x' AS json)", "42704"),
    ("SELECT '{1}'::int2[]", "0A000"),
    ("SELECT 'x'::bytea", "0A000"),
    ("SELECT ARRAY[1, 2]", "0A000"),
    ("SELECT s->'a' FROM t", "42883"),
    ("SELECT a IS DISTINCT FROM b FROM t", "42601"),
    # queries
    ("SELECT DISTINCT ON (a) a FROM t", "0A000"),
    ("SELECT a FROM t FOR UPDATE", "0A000"),
    ("SELECT * FROM (VALUES (1)) v", "0A000"),
    ("SELECT * FROM t, LATERAL (SELECT 1) x", "42601"),
    ("SELECT sum(a) OVER (ORDER BY a) FROM t", "42601"),
    ("SELECT first_value(a) IGNORE NULLS OVER (PARTITION BY b ORDER BY a) FROM t", "42601"),
    ("SELECT sum(a) OVER (ORDER BY a RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t", "42601"),
    ("SELECT string_agg(a, ',') FROM t", "42883"),
    ("SELECT unnest(split_to_array('a,b'))", "42883"),
    ("SELECT pg_sleep(1)", "42883"),
    ("SELECT pg_try_advisory_lock(1)", "42883"),
    ("SELECT txid_current()", "42883"),
    ("SELECT gen_random_uuid()", "42883"),
    ("SELECT generate_series(1, 3) FROM t", "0A000"),
    ("INSERT INTO t SELECT n FROM generate_series(1, 3) AS s (n)", "0A000"),
    ("SELECT now() FROM s.t AS x JOIN u ON true", "0A000"),
    ("UPDATE t SET a = current_timestamp FROM u", "0A000"),
    ("SELECT * FROM t JOIN pg_class c ON c.relname = t.a", "0A000"),
    ("SELECT * FROM t WHERE a = (SELECT max(a) FROM u WHERE u.b < t.b)", "0A000"),
    ("SELECT * FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE EXISTS (SELECT 1 FROM v WHERE v.a = t.a))", "0A000"),
    ("SELECT * FROM t WHERE a NOT IN (SELECT sum(b) OVER () FROM u WHERE u.a = t.a)", "0A000"),
    (
        "MERGE INTO t USING (SELECT 1 AS a) s ON t.a = s.a WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT",
        "0A000",
    ),
    ("MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE", "42601"),
    ("WITH x AS (SELECT 1 AS a) INSERT INTO t SELECT a FROM x", "42601"),
    ("WITH x AS (DELETE FROM t) SELECT 1", "42601"),
    ("WITH x AS MATERIALIZED (SELECT 1) SELECT * FROM x", "42601"),
    ("WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT * FROM r", "42601"),
    ("SELECT sum(a) OVER w FROM t WINDOW w AS (PARTITION BY b)", "42601"),
    ("SELECT concat('a', 'b', 'c')", "42883"),
    ("SELECT concat_ws(',', a, b) FROM t", "42883"),
    ("SELECT mode() WITHIN GROUP (ORDER BY a) FROM t", "42883"),
    ("SELECT B'01'", "0A000"),
    ("EXPLAIN ANALYZE SELECT 1", "42601"),
    ("CREATE TABLE t AS SELECT 1 AS a WITH NO DATA", "42601"),
    ("CREATE MATERIALIZED VIEW IF NOT EXISTS v AS SELECT a FROM t", "42601"),
    ("CREATE TEMP VIEW v AS SELECT 1 AS a", "42601"),
    # names, keys and encodings
    ("CREATE TABLE t (tag int)", "42601"),
    ("CREATE TABLE user (a int)", "42601"),
    ("ALTER TABLE t ADD COLUMN timestamp int", "42601"),
    ("ALTER TABLE t RENAME COLUMN a TO offset", "42601"),
    ("SELECT a, tag FROM t", "42601"),
    ("INSERT INTO t (a, wallet) VALUES (1, 2)", "42601"),
    ("CREATE TABLE t (a int DISTKEY, b int DISTKEY)", "42601"),
    ("CREATE TABLE t (a int) DISTSTYLE EVEN DISTKEY (a)", "42601"),
    ("CREATE TABLE t (a int) DISTSTYLE KEY", "42601"),
    ("CREATE TABLE t (a int) DISTKEY (b)", "42703"),
    ("CREATE TABLE t (a int) COMPOUND SORTKEY (a, b)", "42703"),
    ("CREATE TABLE t (a super SORTKEY)", "0A000"),
    ("CREATE TABLE t (a int ENCODE gzip)", "42601"),
    ("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)", "0A000"),
]


@pytest.mark.parametrize(("sql", "sqlstate"), REFUSED)
def test_what_redshift_refuses_is_refused(sql: str, sqlstate: str):
    with pytest.raises(RedshiftError) as refused:
        rewrite(statement(sql))
    assert refused.value.sqlstate == sqlstate


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT row_number() OVER (PARTITION BY a ORDER BY b) FROM t",
        "SELECT sum(a) OVER (ORDER BY a ROWS UNBOUNDED PRECEDING) FROM t",
        "SELECT sum(a) OVER (PARTITION BY b) FROM t",
        "SELECT now(), generate_series(1, 3)",
        "SELECT count(*) FROM pg_class WHERE relname = current_schema()",
        "SELECT getdate(), sysdate FROM t",
        "SELECT extract(day FROM at), trim(both 'x' FROM b) FROM t",
        "INSERT INTO t VALUES (now())",
        "WITH t AS (SELECT 1 AS a) SELECT now() FROM t",
        "SELECT * FROM t WHERE a = (SELECT max(a) FROM u WHERE u.b = t.b)",
        "SELECT * FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a AND u.b < 5)",
        "SELECT * FROM a JOIN b USING (id)",
        "SELECT 'now() string_agg(' AS e, \"format\" FROM t",
        "CREATE VIEW v AS SELECT * FROM s.t WITH NO SCHEMA BINDING",
        "CREATE TABLE t (LIKE u INCLUDING DEFAULTS)",
        "CREATE TABLE t AS SELECT 1 AS a",
        "ALTER TABLE t ADD COLUMN a int DEFAULT 0 NOT NULL",
        "ALTER TABLE t ALTER DISTKEY a",
        "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (s.a)",
        "LOCK TABLE a, s.b",
        "INSERT INTO t WITH x AS (SELECT 1 AS a) SELECT a FROM x",
        "WITH x AS (SELECT 1 AS a) DELETE FROM t USING x WHERE t.a = x.a",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT * FROM r",
        "SELECT concat(a, nvl(b, 'c')), t.tag AS wallet FROM t",
        'CREATE TABLE "user" ("tag" int)',
        "CREATE TABLE t (a int ENCODE az64, b int SORTKEY) DISTSTYLE KEY DISTKEY (a)",
        "CREATE TABLE t (LIKE u) DISTKEY (a)",
        "DELETE FROM t USING u WHERE t.a = u.a AND u.b < t.b",
    ],
)
def test_what_redshift_takes_passes(sql: str):
    rewrite(statement(sql))


def test_a_text_of_more_than_16_mb_is_refused_by_its_size():
    refuse_too_large("x" * 16 * 1024 * 1024)
    with pytest.raises(RedshiftError, match="Statement Size: 16777217 bytes"):
        refuse_too_large("x" * (16 * 1024 * 1024 - 1) + "ä")
