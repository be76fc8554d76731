"""What brings a table to the columns that it should have.

Source: "ALTER TABLE" of the Amazon Redshift Database Developer Guide: a statement adds one column; only a ``varchar`` changes its
size, in no transaction, and not where the column has a default, a constraint, or one of a few encodings.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.hooks.column_types import ColumnType, column_type
from penstock_redshift.hooks.quoting import quoted
from penstock_redshift.hooks.redshift import RedshiftHook

ON_DRIFT = ("report", "fail")
"""What may be done about columns that differ and are left alone."""

_COLUMNS = (
    "SELECT column_name, data_type, character_maximum_length, numeric_precision, numeric_scale, column_default "
    "FROM svv_columns WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position"
)
_VARYING = "character varying"


class Plan(NamedTuple):
    """What is to be done to a table.

    Attributes:
        additions: Statements that create the table or add columns; they belong into one transaction.
        widenings: Statements that make columns wider; each runs for itself.
        drift: What differs and is left alone, in sentences.
    """

    additions: list[str]
    widenings: list[str]
    drift: list[str]

    @property
    def statements(self) -> list[str]:
        """All statements, in their order."""
        return self.additions + self.widenings


def plan_table(hook: RedshiftHook, schema: str, table: str, columns: Mapping[str, str]) -> Plan:
    """Compare a table with the columns that it should have; names are those of the catalog, in lower case."""
    wanted = {name.lower(): column_type(kind) for name, kind in columns.items()}
    rows = hook.get_records(_COLUMNS, (schema.lower(), table.lower()))
    name = quoted(schema, table)
    if not rows:
        listed = ", ".join(f"{quoted(each)} {kind}" for each, kind in wanted.items())
        return Plan([f"CREATE TABLE {name} ({listed})"], [], [])
    plan = Plan([], [], [])
    found = {str(row[0]): row for row in rows}
    for each, kind in wanted.items():
        if each not in found:
            plan.additions.append(f"ALTER TABLE {name} ADD COLUMN {quoted(each)} {kind}")
        else:
            _compare(plan, name, each, kind, found[each])
    plan.drift.extend(f"column {each} is in the table and not among the wanted" for each in found if each not in wanted)
    return plan


def sync_columns(
    hook: RedshiftHook,
    schema: str,
    table: str,
    columns: Mapping[str, str],
    *,
    dry_run: bool = False,
    on_drift: str = "report",
) -> Plan:
    """Bring a table to the columns that it should have, and print what is done; returns the plan that was followed.

    Args:
        hook: Of the warehouse.
        schema: The table's schema.
        table: Its name.
        columns: The types by name, in order.
        dry_run: Whether nothing is changed.
        on_drift: Of `ON_DRIFT`: ``fail`` raises over drift, before anything is changed.

    Raises:
        penstock.errors.ProviderError: Of kind ``invalid``: there is drift, and ``on_drift`` is ``fail``.
    """
    plan = plan_table(hook, schema, table, columns)
    refuse_drift(f"{schema}.{table}", plan.drift, on_drift)
    for each in plan.statements:
        print(f"{'would run' if dry_run else 'runs'}: {each}")  # noqa: T201 - the task's log
    if not plan.statements:
        print(f"{schema}.{table}: there is nothing to add or to widen")  # noqa: T201 - the task's log
    if not dry_run and plan.additions:
        hook.run(plan.additions)
    if not dry_run and plan.widenings:  # each for itself: Redshift refuses them in a transaction
        hook.run(plan.widenings, autocommit=True, repeatable=True)
    return plan


def refuse_drift(table: str, drift: Sequence[str], on_drift: str, *, service: str = "redshift") -> None:
    """Print how a table differs, and fail over it if that is wanted.

    Args:
        table: The table, for people.
        drift: How it differs, in sentences.
        on_drift: Of `ON_DRIFT`: ``fail`` raises.
        service: Whose table it is.

    Raises:
        penstock.errors.ProviderError: Of kind ``invalid``: it differs, and ``on_drift`` is ``fail``.
    """
    for each in drift:
        print(f"{table}: {each}")  # noqa: T201 - the task's log
    if drift and on_drift == "fail":
        raise ProviderError(
            f"{table} differs: {'; '.join(drift)}", service=service, operation="Schema", kind=ErrorKind.INVALID,
            hint="Change the table or the columns by hand",
        )  # fmt: skip


def _compare(plan: Plan, table: str, column: str, wanted: ColumnType, row: tuple[Any, ...]) -> None:
    kind, has_default = _found_type(row), row[5] is not None
    if kind == wanted:
        return
    if kind.name != wanted.name:
        plan.drift.append(f"column {column} is {kind}, not {wanted}")
    elif wanted.name == _VARYING and wanted.sizes > kind.sizes:
        if has_default:
            plan.drift.append(f"column {column} is {kind}, and cannot become {wanted} because it has a default")
        else:
            plan.widenings.append(f"ALTER TABLE {table} ALTER COLUMN {quoted(column)} TYPE {wanted}")
    elif wanted.name != _VARYING:
        plan.drift.append(f"column {column} is {kind}, not {wanted}")
    # a varchar that is wider than wanted holds all that is wanted


def _found_type(row: tuple[Any, ...]) -> ColumnType:
    name = str(row[1]).lower()
    if name in (_VARYING, "character"):
        return ColumnType(name, (int(row[2]),))
    return ColumnType(name, (int(row[3]), int(row[4]))) if name == "numeric" else ColumnType(name)
