"""Checks of data, against the test server: what passes, what fails, and what the log shows of the rows that fail."""

import logging

import pytest

from penstock.errors import ErrorKind, FailTask, ProviderError
from penstock_redshift.operators import (
    RedshiftCheckOperator,
    RedshiftColumnCheckOperator,
    RedshiftIntervalCheckOperator,
    RedshiftTableCheckOperator,
    RedshiftThresholdCheckOperator,
    RedshiftValueCheckOperator,
)
from penstock_redshift.sensors import RedshiftSQLSensor

pytestmark = pytest.mark.usefixtures("runtime", "sales")


@pytest.fixture
def sales(hook):
    """Five sales on two days, one without a customer, two of the same id."""
    hook.run(
        "CREATE TABLE sales (id integer, day date, customer varchar(20), price decimal(8,2));"
        "INSERT INTO sales VALUES (1, '2026-01-01', 'ann', 10), (2, '2026-01-01', '50%', 20), (2, '2026-01-08', 'bob', 30),"
        " (3, '2026-01-08', NULL, -4), (4, '2026-01-08', 'cy', 7)"
    )


@pytest.fixture
def shown(caplog):
    """A function that gives what the log warned of."""
    caplog.set_level(logging.INFO)
    return lambda: "\n".join(each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING)


def column_check(mapping, **kwargs):
    return RedshiftColumnCheckOperator(task_id="c", table="sales", column_mapping=mapping, **kwargs)


def test_columns_that_are_right_pass_and_their_measures_are_the_value():
    mapping = {
        "id": {"null_check": {"equal_to": 0}, "distinct_check": {"geq_to": 4}, "max": {"less_than": 5}},
        "price": {"min": {"geq_to": -4}, "max": {"equal_to": 28, "tolerance": 0.1}},
    }
    found = column_check(mapping).execute({})
    assert found == {"id": {"null_check": 0, "distinct_check": 4, "max": 4}, "price": {"min": -4, "max": 30}}


@pytest.mark.parametrize(
    ("mapping", "says", "row"),
    [
        ({"customer": {"null_check": {"equal_to": 0}}}, "null_check of sales.customer is 1, not = 0", "'id': 3"),
        ({"id": {"unique_check": {"equal_to": 0}}}, "unique_check of sales.id is 1", "'occurrences': 2"),
        ({"price": {"min": {"geq_to": 0}}}, "min of sales.price is -4.00, not >= 0", "Decimal('-4.00')"),
        ({"price": {"max": {"leq_to": 20, "tolerance": 0.1}}}, "is 30.00, not <= 20 (tolerance 0.1)", "'bob'"),
        ({"price": {"max": {"equal_to": 20}}}, "is 30.00, not = 20", "'bob'"),
        ({"id": {"distinct_check": {"equal_to": 5}}}, "distinct_check of sales.id is 4", ""),
    ],
)
def test_a_column_that_is_wrong_fails_and_its_rows_are_shown(shown, mapping, says, row):
    with pytest.raises(ProviderError) as raised:
        column_check(mapping).execute({})
    assert says in str(raised.value)
    assert raised.value.kind is ErrorKind.JOB_FAILED
    assert row in shown()
    assert "bob" not in str(raised.value), "rows stand in the log alone"


def test_conditions_choose_the_rows_of_all_checks_or_of_one(shown):
    wrong = {"price": {"min": {"geq_to": 0, "partition_clause": "customer <> '50%'"}, "max": {"leq_to": 10}}}
    with pytest.raises(ProviderError, match=r"max of sales.price is 20.00") as raised:
        column_check(wrong, partition_clause="day < '2026-01-08' AND customer LIKE '%'").execute({})
    assert "min" not in str(raised.value)
    assert "50%" in shown()


def test_no_value_fails_unless_told():
    nothing = {"price": {"max": {"leq_to": 1}}}
    column_check(nothing, partition_clause="false", accept_none=True).execute({})
    with pytest.raises(ProviderError, match="has no value"):
        column_check(nothing, partition_clause="false").execute({})


def test_a_check_that_failed_is_final_if_told_and_shows_nothing_if_told(shown):
    with pytest.raises(ProviderError) as raised:
        column_check({"customer": {"null_check": {"equal_to": 0}}}, retry_on_failure=False, samples=0).execute({})
    assert (raised.value.kind, shown()) == (ErrorKind.INVALID, "")


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ({}, "names no column"),
        ({"id": {"nulls": {"equal_to": 0}}}, "nulls of id is unknown"),
        ({"id": {"max": 5}}, "max of id is no dict"),
        ({"id": {"max": {"at_most": 0}}}, "has 'at_most'"),
        ({"id": {"max": {"equal_to": 1, "geq_to": 0}}}, "beside"),
    ],
)
def test_a_check_that_cannot_be_is_refused(mapping, says):
    with pytest.raises(ValueError, match=says):
        column_check(mapping)


def test_what_a_template_has_made_of_a_check_is_checked_again():
    task = column_check({"id": {"max": {"leq_to": 9}}})
    task.column_mapping = {"id": 5}
    table = RedshiftTableCheckOperator(task_id="t", table="sales", checks={"a": {"check_statement": "true"}})
    table.checks = "a"
    for each, says in ((task, "no dict of checks"), (table, "no dict of conditions")):
        with pytest.raises(ProviderError, match=says) as raised:
            each.execute({})
        assert raised.value.kind is ErrorKind.INVALID


def test_conditions_on_rows_and_on_aggregates(shown):
    checks = {
        "rows": {"check_statement": "COUNT(*) = 5"},
        "prices": {"check_statement": "price > 0"},
        "named": {"check_statement": "customer <> ''", "partition_clause": "id < 3"},
        "many": {"check_statement": "COUNT(*) > 100"},
        "none": {"check_statement": "price > 0", "partition_clause": "false"},
    }
    task = RedshiftTableCheckOperator(task_id="c", table="sales", checks=checks)
    with pytest.raises(ProviderError) as raised:
        task.execute({})
    assert "fails 'prices': price > 0; sales fails 'many': COUNT(*) > 100" in str(raised.value)
    assert "prices: {'id': 3" in shown()
    right = {name: checks[name] for name in ("rows", "named", "none")}
    assert RedshiftTableCheckOperator(task_id="d", table="sales", checks=right).execute({}) == dict.fromkeys(
        right, True
    )


def test_first_rows_must_be_true():
    assert RedshiftCheckOperator(task_id="c", sql="SELECT count(*), true FROM sales").execute({}) == [5, True]
    for sql in ("SELECT 1, 0", "SELECT NULL", "SELECT 1 WHERE false"):
        with pytest.raises(ProviderError, match=r"not true|no row"):
            RedshiftCheckOperator(task_id="c", sql=sql).execute({})


def test_values_are_compared_as_numbers_or_as_texts():
    def check(sql, value, **kwargs):
        return RedshiftValueCheckOperator(task_id="c", sql=sql, pass_value=value, **kwargs).execute({})

    assert check("SELECT count(*) FROM sales", "5") == [5]
    assert check("SELECT -95 AS a", -100, tolerance=0.05) == [-95]
    assert check("SELECT min(customer) FROM sales WHERE id = %s", "ann", parameters=[1]) == ["ann"]
    for sql, value in (("SELECT 6", 5), ("SELECT 'x'", 5), ("SELECT 'x'", "y")):
        with pytest.raises(ProviderError, match="the query gave"):
            check(sql, value)


def test_thresholds_may_be_queries():
    def check(low, high):
        return RedshiftThresholdCheckOperator(
            task_id="c", sql="SELECT avg(price) FROM sales", min_threshold=low, max_threshold=high
        ).execute({})

    assert check(0, "SELECT max(price) FROM sales")["max_threshold"] == 30
    with pytest.raises(ProviderError, match=r"12.6.*not between 20.0 and 30.0"):
        check(20, "30")


def test_days_are_compared():
    def check(thresholds, **kwargs):
        return RedshiftIntervalCheckOperator(
            task_id="c",
            table="sales",
            metrics_thresholds=thresholds,
            date_filter_column="day",
            date="2026-01-08",
            **kwargs,
        ).execute({})

    assert check({"COUNT(*)": 2, "SUM(price)": 1.2}) == {"COUNT(*)": [3, 2], "SUM(price)": [33, 30]}
    with pytest.raises(ProviderError, match=r"max_over_min is 1.5, not below 1.2"):
        check({"COUNT(*)": 1.2})
    with pytest.raises(ProviderError, match=r"relative_diff is 0.5"):
        check({"COUNT(*)": 0.5}, ratio_formula="relative_diff")
    assert check({"COUNT(*)": 1.2}, days_back=3) == {"COUNT(*)": [3, 0]}
    with pytest.raises(ProviderError, match="no ratio"):
        check({"COUNT(*)": 1.2}, days_back=3, ignore_zero=False)


def test_a_sensor_waits_for_a_true_value(hook):
    waiting = RedshiftSQLSensor(task_id="s", sql="SELECT count(*) FROM sales WHERE id = %s", parameters=[9])
    assert waiting.poke({}) is False
    hook.run("INSERT INTO sales VALUES (9, '2026-01-09', 'di', 1)")
    assert waiting.poke({}) == (True, 1)


def test_a_sensor_judges_by_functions_of_the_author():
    def sensor(sql, **kwargs):
        return RedshiftSQLSensor(task_id="s", sql=sql, **kwargs).poke({})

    assert sensor("SELECT 1, 7", selector=lambda row: row[1], success=lambda value: value > 5) == (True, 7)
    assert sensor("SELECT 1 WHERE false") is False
    assert sensor("SELECT '0'") is False
    with pytest.raises(FailTask, match="no row"):
        sensor("SELECT 1 WHERE false", fail_on_empty=True)
    with pytest.raises(FailTask, match="gave 3"):
        sensor("SELECT 3", failure=lambda value: value == 3)


def test_a_task_has_a_query_group_of_its_own():
    sql = "SELECT current_setting('query_group')"
    assert RedshiftValueCheckOperator(task_id="c", sql=sql, pass_value="reports", query_group="reports").execute({})
