"""Which setting uses a capability."""

from urllib.parse import urlsplit

from penstock.settings import Settings
from penstock_manifest.format import Capability


def uses_of(settings: Settings, capability: Capability) -> list[str]:
    """Name the settings that use a capability, such as ``[executors] far``; nothing for what DAG files use."""
    found = []
    for table, entries in (
        ("executors", settings.executors),
        ("secrets", settings.secrets_backends),
        ("services", settings.services),
        ("notifiers", settings.notifiers),
        ("metrics", settings.metrics_sinks),
    ):
        found += [f"[{table}] {name}" for name, chosen in entries.items() if chosen.type == capability.id]
    urls = {"[xcom] store": settings.values_url, "[logs] store": settings.logs.store}
    found += [name for name, url in urls.items() if capability.scheme and urlsplit(url).scheme == capability.scheme]
    return found
