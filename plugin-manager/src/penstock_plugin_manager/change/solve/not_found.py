"""What to say about a provider that no source has."""

from __future__ import annotations

from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import ManagerError, MissingError, did_you_mean
from penstock_plugin_manager.index.simple import read_links
from penstock_plugin_manager.model.intent import Intent
from penstock_plugin_manager.model.names import CORE, id_of_distribution
from penstock_plugin_manager.model.requirement import wheel_parts
from penstock_plugin_manager.resolve.message import AbsentError


def explain_missing(error: MissingError, intent: Intent, session: Session) -> MissingError:
    """Return the error for a distribution that was not found, in terms of provider ids, with the nearest names."""
    if not isinstance(error, AbsentError):
        return error
    if error.name == CORE and not error.why:
        return MissingError(
            str(error), "Name the index or the folder that has it: --index-url or --find-links.", error.detail
        )
    requirement = next((each for each in intent.providers if session.distribution_of(each.id) == error.name), None)
    if requirement is None:
        return error
    if error.why:
        return MissingError(error.why.replace(error.name, f"provider {requirement.id!r}"), error.hint, error.detail)
    hint = did_you_mean(requirement.id, known_ids(session)) or "plugin-manager list --available shows what there is."
    return MissingError(f"There is no provider {requirement.id!r}: no source has {error.name}.", hint)


def known_ids(session: Session) -> list[str]:
    """Return the provider ids that this machine knows of: installed, in a catalog, or in a folder of wheels."""
    known = {each.id for each in session.every_provider} | set(session.catalog)
    for place in session.sources.find_links:
        try:
            files = read_links(place, session.client)
        except ManagerError:
            continue
        parts = (wheel_parts(file.name) for file in files)
        known |= {found for pair in parts if pair and (found := id_of_distribution(pair[0]))}
    return sorted(known)
