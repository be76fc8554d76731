"""``search``: providers by text, or by what they provide."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.arguments import add_source_options
from penstock_plugin_manager.change.known_providers import KnownProvider, known_providers
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import MISSING, UsageError
from penstock_plugin_manager.model.offers import Offer, offers_of, provides
from penstock_plugin_manager.output import Result, next_command, table


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("text", nargs="?", default="", help="words that must all occur")
    parser.add_argument(
        "--provides", metavar="KIND:NAME", help="such as connection:salesforce, operator:s3_copy or scheme:s3"
    )
    add_source_options(parser)


def run(options: argparse.Namespace, session: Session) -> Result:
    """Find providers by text or by what they provide, among those installed, in catalogs and in folders of wheels.

    Exit code 3 if nothing is found.

    Raises:
        UsageError: nothing is searched for, or not as KIND:NAME.
    """
    if not options.text and not options.provides:
        raise UsageError(
            "search needs words or --provides KIND:NAME.",
            "Such as: plugin-manager search --provides connection:salesforce",
        )
    kind, colon, name = (options.provides or "").partition(":")
    if options.provides and not (colon and name):
        raise UsageError(
            f"--provides {options.provides!r} is not KIND:NAME.", "Such as connection:salesforce or scheme:s3."
        )
    found = []
    for known in known_providers(session):
        hits = [each for each in offers_of(known.manifest) if not options.provides or provides(each, kind, name)]
        hits = [each for each in hits if _mentions(_words(known, each), options.text)]
        if hits or (not options.provides and _mentions(_words(known, None), options.text)):
            found.append((known, hits))
    data = [
        {
            "id": known.id, "distribution": known.distribution, "version": known.version, "where": known.where,
            "doc": known.manifest.doc, "state": known.manifest.state, "matches": [f"{each.kind}:{each.id}" for each in hits],
        }
        for known, hits in found
    ]  # fmt: skip
    if not found:
        return Result({"providers": []}, ["Nothing was found."], MISSING)
    rows = [(known.id, known.version, known.where, known.manifest.doc, _matches(hits)) for known, hits in found]
    lines = table(("PROVIDER", "VERSION", "WHERE", "WHAT", "MATCHES"), rows)
    return Result({"providers": data}, [*lines, next_command(f"info {found[0][0].id}")])


def _mentions(words: str, text: str) -> bool:
    return all(word in words for word in text.lower().split())


def _words(known: KnownProvider, capability: Offer | None) -> str:
    if capability is None:
        return f"{known.id} {known.manifest.name} {known.manifest.doc} {known.distribution}".lower()
    return f"{capability.id} {capability.doc} {capability.kind} {capability.connection_type} {' '.join(capability.schemes)}".lower()


def _matches(hits: list[Offer]) -> str:
    names = [each.id for each in hits]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
