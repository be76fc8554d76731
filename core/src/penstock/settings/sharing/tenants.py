"""``[tenants]``: how those who share an installation share what is limited."""

from typing import Annotated

import msgspec

from penstock.decoders import convert
from penstock.engine.limits.fairness import TenantRule
from penstock.errors import RequestError
from penstock.model.values.wrong_value import wrong_value
from penstock.settings.numbers import Count

_Weight = Annotated[float, msgspec.Meta(ge=0.001, le=1000)]


class TenantChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[tenants]``: a tenant by its name, as ``NAME = WEIGHT`` or as a table.

    Attributes:
        weight: Its share beside those of the other tenants, where they compete for what is limited.
        max_active_tasks: Tasks of it at once, sensors not counted; None for any number.
    """

    weight: _Weight = 1.0
    max_active_tasks: Count | None = None


def read_tenant(tenant: str, value: object) -> TenantRule:
    """Read one entry of ``[tenants]``; raises RequestError with what is wrong with it."""
    try:
        chosen = convert(value if isinstance(value, dict) else {"weight": value}, TenantChoice)
    except msgspec.ValidationError as error:
        raise RequestError(f"tenant {tenant!r}: {wrong_value(error, TenantChoice)}") from None
    return TenantRule(chosen.weight, chosen.max_active_tasks)
