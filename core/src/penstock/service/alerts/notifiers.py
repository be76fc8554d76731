"""Makes the notifier of an alert channel from the settings."""

from typing import Any

from penstock.errors import ConfigError, PenstockError
from penstock.model.dag import MAILTO
from penstock.model.names import error_sentence
from penstock.notify.smtp import SmtpNotifier
from penstock.plugins.host import PluginHost
from penstock.settings import Settings
from penstock.spec.notifier import Notifier
from penstock_manifest.arguments import argument_problems


def notifier_of(settings: Settings, name: str, host: PluginHost) -> Notifier:
    """The notifier of a channel; a provider's is imported only if its manifest knows the options.

    Args:
        settings: The installation.
        name: The channel's name, or ``mailto``.
        host: The installed providers.

    Raises:
        ConfigError: There is no such channel, or it cannot be made.
        PenstockError: Its provider is not installed or broken.
    """
    if name == MAILTO:
        return SmtpNotifier()
    chosen = settings.notifiers.get(name)
    if chosen is None:
        raise ConfigError(f"there is no channel {name!r} in [notifiers] of penstock.toml")
    if not chosen.provided:
        return SmtpNotifier(**chosen.options)
    if problems := argument_problems(host.capability(chosen.type), chosen.options):
        raise ConfigError(f"[notifiers.{name}]: {'; '.join(problems)}")
    make: Any = host.resolve(chosen.type, "notifiers")
    try:
        made: Notifier = make(**chosen.options)
    except PenstockError:
        raise
    except Exception as error:  # a provider's code: what it raises must say whose it is
        raise ConfigError(f"channel {name!r} ({chosen.type}) cannot be made: {error_sentence(error)}") from error
    return made
