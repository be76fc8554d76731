"""The first words of providers' commands, for the list of all commands, which must not wait for an import of the installation."""

from collections.abc import Mapping
from pathlib import Path

from penstock.app.parts.environments import plugin_host
from penstock.errors import PenstockError
from penstock.service.choices.command_words import command_words
from penstock.settings import load_settings


def provider_names(environ: Mapping[str, str]) -> dict[str, str]:
    """First words of commands that can be called, with what each is; none where the settings cannot be read."""
    try:
        host = plugin_host(load_settings(environ, Path.cwd()))
        return {word: found.about for word, found in command_words(host).items() if not found.problem}
    except PenstockError:
        return {}
