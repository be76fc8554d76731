"""``upgrade``: move providers to newer versions."""

from __future__ import annotations

import argparse

from penstock_plugin_manager.arguments import change_options
from penstock_plugin_manager.change.execute_plan import change
from penstock_plugin_manager.change.proposal import Ask
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import MissingError, did_you_mean
from penstock_plugin_manager.model.names import CORE, Wish, parse_wish
from penstock_plugin_manager.output import Result


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("ids", nargs="*", metavar="ID", help="a provider, or core; all providers when omitted")
    parser.add_argument("--all", action="store_true", help="let everything move that they need, too")
    change_options(parser)


def run(options: argparse.Namespace, session: Session) -> Result:
    """Move providers to the newest versions that fit; what they need moves only as far as it must.

    A provider that is broken, suspended or blocked can be upgraded like any other. The core moves only when it is named.
    """
    wishes = [parse_wish(text) for text in options.ids]
    title = " ".join(["upgrade", *(str(wish) for wish in wishes), *(["--all"] if options.all else [])])

    def ask() -> Ask:
        intent = session.intent
        named = [wish for wish in wishes if wish.id != "core"]
        known = [wish.id for wish in intent.providers]
        for wish in named:
            if wish.id not in known:
                raise MissingError(f"Provider {wish.id!r} is not part of this project.", did_you_mean(wish.id, known))
        moving = [wish.id for wish in named] or ([] if wishes else known)
        intent = intent.with_wishes([Wish(wish.id, wish.extras, wish.specifier) for wish in named])
        names = [session.distribution_of(each) for each in moving]
        names += [CORE] if len(named) < len(wishes) else []
        return Ask(title, intent, upgrade=("*",) if options.all else tuple(names))

    return change(ask, title, options, session)
