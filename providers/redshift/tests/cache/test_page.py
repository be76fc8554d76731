"""The page about the cache says what is so."""

import re
from decimal import Decimal
from pathlib import Path

from penstock.model.connection import parse_connection
from penstock.spec.fields import read_fields
from penstock.testing import load_dags, run_dag
from penstock_redshift.connections import PostgresFields, RedshiftFields

PAGE = (Path(__file__).parents[4] / "docs" / "how-to" / "cache-redshift-in-postgres.md").read_text()


def test_the_pages_dags_run(tmp_path, hook, redshift, postgres, three_connections):
    for user in ("ann", "ann_w"):
        redshift.server.create_user(user, "Passw0rd-of-a-reader")
    hook.run(
        "CREATE TABLE sales (id bigint, seller varchar(40), price decimal(8,2), changed_at timestamp);"
        "INSERT INTO sales VALUES (1, 'ann', 1.5, '2026-01-01 10:00'), (2, 'ann', 2, '2026-01-01 11:00'); GRANT SELECT ON sales TO ann_w"
    )
    dags, snippet = re.findall(r"```python[^\n]*\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "cache.py"
    file.write_text(dags)
    found = load_dags(file)

    for _ in range(2):
        run_dag(found["cache_setup"], connections=three_connections).check()
    hook.run("INSERT INTO sales VALUES (3, 'bob', 4, '2026-01-01 12:00')")
    result = run_dag(found["cache_refresh"], connections=three_connections).check()

    assert result.value("by_seller")["refreshed"] is False, "it was filled less than five minutes ago"
    assert result.value("sales")["mode"] == "incremental"
    assert postgres.get_records("SELECT * FROM by_seller") == [("ann", Decimal("3.50"))]
    assert postgres.get_records("SELECT id FROM sales ORDER BY id") == [(1,), (2,), (3,)]
    exec(snippet, {})


def test_its_connections_are_complete():
    warehouse, cache = re.findall(r"_DEFAULT='(.*?)'", PAGE)
    assert read_fields(parse_connection("r", warehouse), RedshiftFields).user == "cache_reader"
    assert read_fields(parse_connection("p", cache), PostgresFields).sslrootcert == "/etc/ssl/rds.pem"
