"""The rules of the installation, from its settings."""

from penstock.alerts.rules import Rules, SiteRule
from penstock.model.dag import AlertRule
from penstock.settings import Settings


def site_rules(settings: Settings) -> Rules:
    """The rules of ``[[alerts.rules]]``."""
    return Rules(
        [SiteRule(AlertRule(each.events, each.channels, each.after_s), each.dags) for each in settings.alerts.rules]
    )
