"""Pipelines from Salesforce into databases: for each object of a list the extraction, the load, and then the watermark.

The load belongs to the database's provider, which is named by its capability id and not imported: both meet at the files of
`penstock.spec.sql.table_files`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from penstock import TaskGroup, operator
from penstock_salesforce.transfers.to_object_store import SalesforceToObjectStoreOperator

_OWN = ("table", "newer_by")
_KEY, _STAMP = "Id", "SystemModstamp"


def salesforce_to_redshift(
    objects: Sequence[str] | Mapping[str, Mapping[str, Any]],
    *,
    lake: str,
    schema: str = "salesforce",
    incremental: bool = True,
    group_id: str = "salesforce_to_redshift",
    extract: Mapping[str, Any] | None = None,
    load: Mapping[str, Any] | None = None,
) -> TaskGroup:
    """Loads objects of Salesforce into tables of Redshift; needs the provider ``redshift``.

    Each object has a group of tasks of its own, ``extract >> load >> commit``, and none waits for another's. A table gets the columns
    that Salesforce describes, and its rows are merged by ``Id``, the newest wins. The watermark moves once they are loaded.

    Args:
        objects: The objects, in a list; or in a dict, with arguments of `SalesforceToObjectStoreOperator` for each, its ``table`` (the
            object's name in lower case), and ``newer_by``: the field that tells which of two rows is newer (``SystemModstamp``).
        lake: ``s3://`` URL of a folder for the files.
        schema: The tables' schema, which exists.
        incremental: Whether only changes are read, since the last run that loaded; if not, all rows are replaced.
        group_id: The group of all; it is also the beginning of the watermarks' names.
        extract: Arguments of `SalesforceToObjectStoreOperator` for all objects.
        load: Further arguments of ``redshift.table_files_to_redshift`` for all objects, such as ``iam_role``.
    """
    rest = {"schema": schema, **(load or {})}
    return _pipelines("redshift.table_files_to_redshift", objects, lake, incremental, group_id, extract or {}, rest)


def salesforce_to_postgres(
    objects: Sequence[str] | Mapping[str, Mapping[str, Any]],
    *,
    lake: str,
    schema: str = "salesforce",
    incremental: bool = True,
    group_id: str = "salesforce_to_postgres",
    extract: Mapping[str, Any] | None = None,
    load: Mapping[str, Any] | None = None,
) -> TaskGroup:
    """Loads objects of Salesforce into tables of PostgreSQL, as `salesforce_to_redshift` does; needs the provider ``redshift``, too.

    Args:
        objects: As there.
        lake: URL of a folder for the files, in any store that is installed.
        schema: As there.
        incremental: As there.
        group_id: As there.
        extract: As there.
        load: Further arguments of ``redshift.table_files_to_postgres`` for all objects.
    """
    rest = {"schema": schema, **(load or {})}
    return _pipelines("redshift.table_files_to_postgres", objects, lake, incremental, group_id, extract or {}, rest)


def _pipelines(
    capability: str,
    objects: Sequence[str] | Mapping[str, Mapping[str, Any]],
    lake: str,
    incremental: bool,  # noqa: FBT001 - passed on
    group_id: str,
    extract: Mapping[str, Any],
    load: Mapping[str, Any],
) -> TaskGroup:
    named = objects if isinstance(objects, Mapping) else {each: {} for each in objects}
    with TaskGroup(group_id) as every:
        for sobject, given in named.items():
            table = str(given.get("table", sobject.lower()))
            how: dict[str, Any] = {"method": "replace"}
            if incremental:
                how = {"upsert_keys": [_KEY], "incremental_key": given.get("newer_by", _STAMP)}
            folder = f"{lake.removesuffix('/')}/{table}/{{{{ run_id }}}}/"
            options = {**extract, **{name: value for name, value in given.items() if name not in _OWN}}
            watermark = f"{group_id}.{load['schema']}.{table}" if incremental else ""
            with TaskGroup(sobject):
                extracted = SalesforceToObjectStoreOperator(
                    task_id="extract", sobject=sobject, destination=folder, watermark=watermark, **options
                )
                loaded = operator(capability, task_id="load", folder=folder, table=table, **how, **load)
                extracted >> loaded
                if incremental:
                    loaded >> operator("salesforce.commit_watermark", task_id="commit", extracted=extracted.output)
    return every
