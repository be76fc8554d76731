"""Versions of specs: which a core serves, the specs that react, and what of all specs is on its way out.

A spec version is a whole number. Whatever is added counts it up, and a core goes on serving the versions before; it ends one only
by what breaks a provider, and what will end is deprecated first (ADR 22). The specs that answer are those of the kinds, in
`penstock_manifest.kinds`.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Deprecation(NamedTuple):
    """The announced end of something that specs have.

    Attributes:
        since: Spec version that announces it.
        until: First spec version without it.
        instead: What to do instead, as an order: ``answer penstock_sensors``.
    """

    since: int
    until: int
    instead: str


class ReactingSpec(NamedTuple):
    """A spec that a provider's plugin module implements.

    Attributes:
        name: The spec's name.
        since: Spec version with which it came.
        deprecated: What announces its end; None while there is none.
        arguments: What announces the end of an argument, by its name.
    """

    name: str
    since: int = 1
    deprecated: Deprecation | None = None
    arguments: Mapping[str, Deprecation] = {}


REACTING: Mapping[str, ReactingSpec] = {
    each.name: each
    for each in (ReactingSpec("penstock_task_state_changed"), ReactingSpec("penstock_run_state_changed"))
}
"""The specs that react; all others answer."""


class DeprecatedUse(NamedTuple):
    """A provider's use of something that is deprecated.

    Attributes:
        what: What it uses, in words.
    """

    what: str
    since: int
    until: int
    instead: str

    @property
    def sentence(self) -> str:
        """The use for people, with what to do."""
        return (
            f"it uses {self.what}, which is deprecated since spec {self.since} and gone with spec {self.until}; "
            f"{self.instead}"
        )


def uses(what: str, deprecation: Deprecation | None, served: range | None) -> list[DeprecatedUse]:
    """Return the use of something, if a core that serves some spec versions calls it deprecated; any core if None."""
    if deprecation is None or (served and deprecation.since > served[-1]):
        return []
    return [DeprecatedUse(what, *deprecation)]


def shown(served: range) -> str:
    """Write spec versions for people.

    >>> shown(range(1, 2)), shown(range(1, 4))
    ('1', '1 to 3')
    """
    return str(served[0]) if len(served) == 1 else f"{served[0]} to {served[-1]}"
