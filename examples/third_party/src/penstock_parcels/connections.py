"""The fields of a depot."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from penstock.spec.fields import ConnectionFields


@dataclass(frozen=True, repr=False)
class DepotFields(ConnectionFields):
    """Where the depot is, and its seal."""

    PARTS: ClassVar[Mapping[str, str]] = {"seal": "password"}

    folder: str
    seal: str = ""
