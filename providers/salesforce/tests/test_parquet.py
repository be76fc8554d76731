"""Parquet: the types that Salesforce describes."""

import importlib.util
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pyarrow as pa
import pytest
from pyarrow import parquet

VALUES = {
    "Name": 'a\n"b", ä', "Employees": 7, "Active__c": True, "Amount__c": 12.345, "Score__c": 0.25,
    "Day__c": "2026-11-20", "Hour__c": "13:30:00.000Z",
}  # fmt: skip


@pytest.fixture
def account(salesforce):
    """An account with a value of each type, and one with none."""
    for name, kind in (("Score__c", "double"), ("Day__c", "date"), ("Hour__c", "time")):
        salesforce.organisation.fields["Account"][name] = {"name": name, "type": kind, "precision": 0, "scale": 0}
    salesforce.organisation.insert("Account", VALUES)
    salesforce.organisation.insert("Account", dict.fromkeys(VALUES))


@pytest.mark.parametrize("method", ["rest", "bulk"])
def test_columns_have_their_types(account, run, tmp_path, method):
    """af#16921 and Airflow's export through pandas: whole numbers with gaps became fractions, nothing became a word."""
    fields = [*VALUES, "SystemModstamp"]
    told = run(sobject="Account", fields=fields, file_format="parquet", method=method).check().value("t")

    table = parquet.read_table(tmp_path / "out" / "part-00000.parquet")
    types = dict(zip(table.column_names, table.schema.types, strict=True))
    assert (told["files"], told["rows"]) == (1, 2)
    assert (types["Employees"], types["Amount__c"]) == (pa.int64(), pa.decimal128(18, 2))
    full, empty = table.to_pylist()
    stamp = datetime(2026, 11, 20, tzinfo=UTC)
    changed = {
        "Amount__c": Decimal("12.34"),
        "Day__c": date(2026, 11, 20),
        "Hour__c": time(13, 30),
        "SystemModstamp": stamp,
    }
    assert full == VALUES | changed
    assert empty == dict.fromkeys(VALUES) | {"SystemModstamp": stamp}


def test_without_its_extra_it_says_what_to_install(account, run, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    error = run(sobject="Account", file_format="parquet").tasks["t"].errors[0]
    assert "plugin-manager install 'salesforce[parquet]'" in error
