"""Main of the loader's process: ``python -m penstock.app.loader``."""

import sys

from penstock.app.compose import open_vault
from penstock.app.environments import plugin_host
from penstock.app.service_main import run_service
from penstock.clock import SystemClock
from penstock.load.loader import Loader
from penstock.load.messages import ParseConfig
from penstock.load.parser import Parser
from penstock.service.retention import Retention
from penstock.settings import Settings
from penstock.spec.object_store import ObjectStore
from penstock.store import LoaderCatalog, Store
from penstock.tries.vault import Vault


def main() -> int:
    """Load DAG files until SIGTERM; the exit code is 5 if the installation is wrong."""

    def run(settings: Settings, store: Store, stop: int) -> None:
        clock = SystemClock()
        vault = open_vault(settings, store)
        catalog = LoaderCatalog(store, vault.variables, clock.now)
        try:
            loader(settings, store, catalog, vault, clock).run(stop)
        finally:
            catalog.close()

    return run_service("loader", run)


def loader(settings: Settings, store: Store, catalog: LoaderCatalog, vault: Vault, clock: SystemClock) -> Loader:
    """The loader of an installation, which also deletes what is old."""

    def log(line: str) -> None:
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - the supervisor's terminal

    parser = Parser(parse_config(settings), vault.variables, clock.now)

    def open_values(url: str, conn_id: str | None) -> ObjectStore:
        return plugin_host(settings).object_store(url, conn_id)

    maintain = Retention(store, settings, vault, open_values, clock.now, log).step
    return Loader(settings.dags_folder, settings.state_folder, catalog, parser, clock.now, log, maintain)


def parse_config(settings: Settings) -> ParseConfig:
    """What the import of a DAG file is checked against and bounded by."""
    host = plugin_host(settings)
    manifests = [provider.manifest for provider in host.providers() if provider.manifest is not None]
    capabilities = [c for m in manifests for c in m.capabilities if c.kind in ("operators", "sensors")]
    return ParseConfig(
        providers=host.ids(),
        capabilities=tuple(capabilities),
        memory_mb=settings.loader.memory_mb,
        timeout_s=settings.loader.timeout_s,
        processes=settings.loader.processes,
    )


if __name__ == "__main__":
    sys.exit(main())
