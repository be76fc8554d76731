"""The objects and records of an organisation, and how they describe themselves.

Source: "sObject Describe" and "Field" of the REST API Developer Guide and the Object Reference (version 62.0): of a
described field the fake gives what clients of this repository read.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from penstock_testkit.salesforce.soql import Soql, SoqlError, read_soql

_SYSTEM = {
    "Id": "id", "IsDeleted": "boolean", "CreatedDate": "datetime", "LastModifiedDate": "datetime",
    "SystemModstamp": "datetime",
}  # fmt: skip
_FIRST_MOMENT = "2026-11-20T00:00:00.000+0000"


class Organisation:
    """Objects and their records.

    Attributes:
        fields: For each object the described fields by name.
        records: For each object its records, deleted ones included.
        moment: The instant that is written into changed records.
        in_time: Records that a query may find; one that finds more takes too long. None for any number.
    """

    def __init__(self) -> None:
        self.fields: dict[str, dict[str, dict[str, Any]]] = {}
        self.records: dict[str, list[dict[str, Any]]] = {}
        self.moment, self.in_time = _FIRST_MOMENT, None
        self._numbers = itertools.count(1)

    in_time: int | None

    def takes_too_long(self, found: Sequence[object]) -> bool:
        """Whether a query that finds this is given up."""
        return self.in_time is not None and len(found) > self.in_time

    def add(self, sobject: str, fields: Mapping[str, "str | Mapping[str, Any]"]) -> None:
        """Add an object: for each field its type, or what is described of it; one of a parent, such as ``Owner.Name``, is not described."""
        described = {}
        for name, given in {**_SYSTEM, **fields}.items():
            more = {"type": given} if isinstance(given, str) else dict(given)
            described[name] = {
                "name": name,
                "label": name,
                "length": 0,
                "precision": 0,
                "scale": 0,
                "nillable": True,
                **more,
            }
        self.fields[sobject], self.records[sobject] = described, []

    def insert(self, sobject: str, values: Mapping[str, Any]) -> str:
        """Insert a record; returns its id."""
        made = f"001{next(self._numbers):012d}AAA"
        system = {
            "IsDeleted": False,
            **dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), self.moment),
        }
        self.records[sobject].append({**dict.fromkeys(self.fields[sobject]), **system, **values, "Id": made})
        return made

    def find(self, sobject: str, name: str, value: object) -> dict[str, Any] | None:
        """The living record with a field's value."""
        living = (each for each in self.records[sobject] if not each["IsDeleted"])
        return next((each for each in living if each.get(name) == value), None)

    def change(self, record: dict[str, Any], values: Mapping[str, Any]) -> None:
        """Change a record, and its stamps."""
        record.update(values, LastModifiedDate=self.moment, SystemModstamp=self.moment)

    def run(self, text: str, *, deleted: bool = False) -> tuple[Soql, list[dict[str, Any]]]:
        """A query, and the records that it finds.

        Raises:
            SoqlError: Salesforce refuses it.
        """
        query = read_soql(text)
        if query.sobject not in self.fields:
            raise SoqlError("INVALID_TYPE", f"sObject type '{query.sobject}' is not supported.")
        known = {name.lower(): name for name in self.fields[query.sobject]}

        def own(name: str) -> str:
            if name.lower() not in known:
                raise SoqlError("INVALID_FIELD", f"No such column '{name}' on entity '{query.sobject}'.")
            return known[name.lower()]

        query = replace(
            query, fields=tuple(map(own, query.fields)), order=own(query.order) if query.order else "",
            conditions=tuple((own(name), sign, value) for name, sign, value in query.conditions),
        )  # fmt: skip
        living = [each for each in self.records[query.sobject] if deleted or not each["IsDeleted"]]
        return query, query.select(living)
