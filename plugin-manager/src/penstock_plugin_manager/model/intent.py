"""The intent: what a project wants, kept in the table ``[plugin-manager]`` of ``penstock.toml``."""

from __future__ import annotations

from typing import Any, NamedTuple

from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.model.names import ProviderRequirement, parse_provider_requirement
from penstock_plugin_manager.model.toml import parse
from penstock_plugin_manager.model.toml_edits import set_keys

TABLE = "plugin-manager"
FILE = "penstock.toml"
LOCK_FILE = "pylock.toml"
OWN = ("providers", "packages", "core", "isolated", "disabled")
"""The keys that commands change, and that a rollback brings back."""
_TEXT = ("core", "python", "index-url")
_LISTS = ("providers", "packages", "extra-index-urls", "find-links", "catalogs", "dags", "disabled", "isolated")
_POLICY_LISTS = ("allow", "deny", "sources", "states", "publishers")
_POLICY_NUMBERS = ("max-mb", "max-dists", "min-age-days")


class Policy(NamedTuple):
    """What a project permits; an empty list or None permits all."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    publishers: tuple[str, ...] = ()
    max_mb: int | None = None
    max_dists: int | None = None
    min_age_days: int | None = None


class Intent(NamedTuple):
    """A project's requirements and the places where they may be fetched."""

    providers: tuple[ProviderRequirement, ...] = ()
    packages: tuple[str, ...] = ()
    core: str = ""
    python: str = ">=3.11"
    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    catalogs: tuple[str, ...] = ()
    dags: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    isolated: tuple[str, ...] = ()
    policy: Policy = Policy()

    def requirement(self, provider_id: str) -> ProviderRequirement | None:
        """Return the requirement for a provider, or None."""
        return next((requirement for requirement in self.providers if requirement.id == provider_id), None)

    def with_requirements(self, requirements: list[ProviderRequirement]) -> Intent:
        """Return the intent with requirements added; a new requirement for the same id adds its extras and wins by its range.

        A provider that is isolated stays so.
        """
        merged = {requirement.id: requirement for requirement in self.providers}
        apart = {each.id: each for each in map(parse_provider_requirement, self.isolated)}
        for requirement in requirements:
            if requirement.id in apart:
                apart[requirement.id] = _joined(apart[requirement.id], requirement)
                continue
            old = merged.get(requirement.id, ProviderRequirement(requirement.id))
            merged[requirement.id] = _joined(old, requirement)
        return self._replace(
            providers=tuple(merged[each] for each in sorted(merged)),
            isolated=tuple(str(apart[each]) for each in sorted(apart)),
        )

    def with_isolated(self, requirement: ProviderRequirement) -> Intent:
        """Return the intent in which a provider has an environment of its own, and no place in the shared one."""
        kept = self.without_isolated(requirement.id).isolated
        return self.without([requirement.id])._replace(isolated=tuple(sorted({*kept, str(requirement)})))

    def without_isolated(self, provider_id: str) -> Intent:
        """Return the intent in which a provider has no environment of its own."""
        kept = (text for text in self.isolated if parse_provider_requirement(text).id != provider_id)
        return self._replace(isolated=tuple(kept))

    def without(self, ids: list[str]) -> Intent:
        """Return the intent without some providers."""
        return self._replace(
            providers=tuple(requirement for requirement in self.providers if requirement.id not in ids),
            isolated=tuple(text for text in self.isolated if parse_provider_requirement(text).id not in ids),
        )

    @property
    def isolated_ids(self) -> list[str]:
        """Return the ids of the providers that have an environment of their own."""
        return [parse_provider_requirement(text).id for text in self.isolated]


def _joined(old: ProviderRequirement, new: ProviderRequirement) -> ProviderRequirement:
    extras = tuple(sorted({*old.extras, *new.extras}))
    return ProviderRequirement(new.id, extras, new.specifier or old.specifier)


def read_intent(data: dict[str, Any], name: str) -> Intent:
    """Read the manager's table of a parsed ``penstock.toml``; a file without the table wants nothing.

    Raises:
        ManagerError: a key of the table has the wrong type or is not known; the message names it.
    """
    table = data.get(TABLE, {})
    if not isinstance(table, dict):
        raise ManagerError(f"{name}: [{TABLE}] must be a table.")
    for key, value in table.items():
        _check(key, value, name)
    policy = table.get("policy", {})
    permitted: dict[str, Any] = {key.replace("-", "_"): policy.get(key) for key in _POLICY_NUMBERS}
    permitted |= {key.replace("-", "_"): tuple(policy.get(key, ())) for key in _POLICY_LISTS}
    return Intent(
        providers=tuple(parse_provider_requirement(text) for text in table.get("providers", ())),
        packages=tuple(table.get("packages", ())),
        core=table.get("core", ""),
        python=table.get("python", ">=3.11"),
        index_url=table.get("index-url", ""),
        extra_index_urls=tuple(table.get("extra-index-urls", ())),
        find_links=tuple(table.get("find-links", ())),
        catalogs=tuple(table.get("catalogs", ())),
        dags=tuple(table.get("dags", ())),
        disabled=tuple(table.get("disabled", ())),
        isolated=tuple(table.get("isolated", ())),
        policy=Policy(**permitted),
    )


def _check(key: str, value: object, name: str) -> None:
    if key in _TEXT:
        if not isinstance(value, str):
            raise ManagerError(f"{name}: {TABLE}.{key} must be a string, not {value!r}.")
    elif key in _LISTS:
        _check_list(f"{TABLE}.{key}", value, name)
    elif key == "policy":
        _check_policy(value, name)
    else:
        known = ", ".join(sorted((*_TEXT, *_LISTS, "policy")))
        raise ManagerError(f"{name}: {TABLE}.{key} is not known.", f"Known keys: {known}.")


def _check_list(place: str, value: object, name: str) -> None:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ManagerError(f"{name}: {place} must be a list of strings, not {value!r}.")


def _check_policy(value: object, name: str) -> None:
    if not isinstance(value, dict):
        raise ManagerError(f"{name}: {TABLE}.policy must be a table, not {value!r}.")
    for key, item in value.items():
        place = f"{TABLE}.policy.{key}"
        if key in _POLICY_LISTS:
            _check_list(place, item, name)
        elif key in _POLICY_NUMBERS:
            if not isinstance(item, int) or isinstance(item, bool) or item < 0:
                raise ManagerError(f"{name}: {place} must be a whole number of at least 0, not {item!r}.")
        else:
            known = ", ".join(sorted((*_POLICY_LISTS, *_POLICY_NUMBERS)))
            raise ManagerError(f"{name}: {place} is not known.", f"Known keys: {known}.")


def own_part(text: str, name: str) -> str:
    """Return what a generation remembers of a ``penstock.toml``: no address, as passwords may stand in those."""
    table = parse(text, name).get(TABLE, {})
    kept = {key: table[key] for key in OWN if key in table}
    return set_keys("", TABLE, kept, name) if kept else ""
