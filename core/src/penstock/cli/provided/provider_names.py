"""The providers that have commands, for the list of all commands, which must not wait for an import of the installation."""

from collections.abc import Mapping
from pathlib import Path

from penstock.app.parts.environments import plugin_host
from penstock.errors import PenstockError
from penstock.settings import load_settings


def provider_names(environ: Mapping[str, str]) -> dict[str, str]:
    """Ids of the providers that have commands, with what each is; none where the settings cannot be read."""
    try:
        host = plugin_host(load_settings(environ, Path.cwd()))
        with_commands = {each.provider for each in host.capabilities("commands")}
        found = [host.provider(each).manifest for each in sorted(with_commands)]
    except PenstockError:
        return {}
    return {each.id: each.doc for each in found if each is not None}
