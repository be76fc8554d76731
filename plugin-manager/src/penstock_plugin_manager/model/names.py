"""Names: provider ids, distributions, and the requirements that the user types."""

from __future__ import annotations

import re
from typing import NamedTuple

from penstock_plugin_manager.errors import UsageError

CORE = "penstock-core"
PREFIX = "penstock-providers-"
OFFICIAL = {"server": "penstock-server"}
"""Distributions of the project that are providers by their manifest, and named otherwise than the rule says, by id."""

_ID = re.compile(r"[a-z][a-z0-9_]{0,99}\Z")
_REQUIREMENT = re.compile(r"\s*([A-Za-z][A-Za-z0-9_.-]*)\s*(?:\[([^\]]*)\])?\s*((?:[<>=!~].*)?)\Z")


class ProviderRequirement(NamedTuple):
    """A provider that somebody wants, such as ``aws[s3]>=1``."""

    id: str
    extras: tuple[str, ...] = ()
    specifier: str = ""

    def __str__(self) -> str:
        """Return the requirement as it is written in the intent file."""
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        return f"{self.id}{extras}{self.specifier}"


def normalize(name: str) -> str:
    """Return a distribution name in the normal form of PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def is_id(text: str) -> bool:
    """Tell whether a text may be a provider id."""
    return _ID.match(text) is not None


def default_distribution(provider_id: str) -> str:
    """Return the distribution that a provider id names when no catalog says otherwise."""
    return OFFICIAL.get(provider_id) or normalize(PREFIX + provider_id)


def id_of_distribution(distribution: str) -> str | None:
    """Return the provider id that a distribution's name implies, or None for a foreign name."""
    name = normalize(distribution)
    official = {each: provider_id for provider_id, each in OFFICIAL.items()}
    if name in official:
        return official[name]
    return name.removeprefix(PREFIX).replace("-", "_") if name.startswith(PREFIX) else None


def parse_provider_requirement(text: str) -> ProviderRequirement:
    """Read ``id[extra,...]<specifier>``; a provider's full distribution name stands for its id.

    Raises:
        UsageError: the text is no such requirement.
    """
    found = _REQUIREMENT.match(text)
    if not found:
        raise UsageError(f"{text!r} names no provider.", "Write an id such as aws, aws[s3] or 'aws>=1.2'.")
    name, extras, specifier = found.groups()
    provider_id = id_of_distribution(name) or name.lower().replace("-", "_")
    if not is_id(provider_id):
        raise UsageError(f"{name!r} is no provider id.", "An id is lower-case letters, digits and underscores.")
    return ProviderRequirement(provider_id, _extras(extras), _specifier(text, specifier))


def _extras(text: str | None) -> tuple[str, ...]:
    names = (normalize(part.strip()) for part in (text or "").split(","))
    return tuple(sorted({name for name in names if name}))


def _specifier(requirement: str, text: str) -> str:
    if not text.strip():
        return ""
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415  costs 40 ms; a bare id needs none

    try:
        return str(SpecifierSet(text))
    except ValueError:  # no range, or a number of more digits than Python reads
        raise UsageError(f"{text.strip()!r} in {requirement!r} is no version range.", "Write it as >=1.2,<2.") from None
