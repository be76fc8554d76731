"""What the import of a DAG file is checked against and bounded by."""

from penstock.load.messages import ParseConfig
from penstock.plugins.host import PluginHost
from penstock.settings import Settings


def parse_config(settings: Settings, host: PluginHost) -> ParseConfig:
    """Make it of the limits of the settings and of what the installed providers offer to DAG files."""
    manifests = [provider.manifest for provider in host.providers() if provider.manifest is not None]
    capabilities = [c for m in manifests for c in m.capabilities if c.kind in ("operators", "sensors")]
    return ParseConfig(
        providers=host.ids(),
        capabilities=tuple(capabilities),
        memory_mb=settings.loader.memory_mb,
        timeout_s=settings.loader.timeout_s,
        processes=settings.loader.processes,
    )
