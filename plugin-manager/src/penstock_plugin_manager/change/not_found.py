"""What to say about a provider that no source has."""

from __future__ import annotations

import re

from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import ManagerError, MissingError, did_you_mean
from penstock_plugin_manager.index.simple import read_links
from penstock_plugin_manager.model.intent import Intent
from penstock_plugin_manager.model.names import CORE, id_of_distribution
from penstock_plugin_manager.model.requirement import wheel_parts


def explain_missing(error: MissingError, intent: Intent, session: Session) -> MissingError:
    """Return the error for a distribution that was not found, in terms of provider ids, with the nearest names."""
    by_distribution = {session.distribution_of(requirement.id): requirement for requirement in intent.providers}
    message = " ".join(f"{error} {error.detail}".split())
    guilty = [
        requirement
        for name, requirement in by_distribution.items()
        if re.search(rf"\b{re.escape(name)}\b(?!-)", message)
    ]
    if CORE in str(error) and not guilty:
        return MissingError(
            f"{CORE} was not found in any source.",
            "Name the index or the folder that has it: --index-url or --find-links.",
            error.detail,
        )
    if not guilty:
        return error
    requirement = guilty[0]
    if requirement.specifier and ("no versions of" in message or re.search(r"from versions: (?!none)", message)):
        return MissingError(
            f"No version of provider {requirement.id!r} satisfies {requirement.specifier}.",
            "Ask for another range.",
            error.detail,
        )
    hint = did_you_mean(requirement.id, known_ids(session)) or "plugin-manager list --available shows what there is."
    return MissingError(
        f"There is no provider {requirement.id!r}: no source has {session.distribution_of(requirement.id)}.", hint
    )


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
