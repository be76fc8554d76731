"""What the import of a DAG file is checked against and bounded by."""

from penstock.load.parse.messages import ParseConfig
from penstock.plugins.host import PluginHost
from penstock.settings import Settings


def parse_config(settings: Settings, host: PluginHost) -> ParseConfig:
    """Make it of the limits of the settings and of what the installed providers offer to DAG files."""
    return ParseConfig(
        providers=host.ids(),
        capabilities=tuple(host.capabilities("operators", "sensors", "timetables")),
        channels=tuple(settings.notifiers),
        folder=str(settings.root.absolute()) if settings.plugins.modules else "",
        memory_mb=settings.loader.memory_mb,
        timeout_s=settings.loader.timeout_s,
        processes=settings.loader.processes,
    )
