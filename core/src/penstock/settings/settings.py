"""The frozen value that holds every setting."""

import sys
from pathlib import Path

import msgspec

from penstock.engine.limits.fairness import TenantRule
from penstock.model.connection import Connection
from penstock.settings.alerts import AlertSettings, NotifierChoice
from penstock.settings.core import CoreSettings
from penstock.settings.database import DatabaseSettings
from penstock.settings.executor import ExecutorSettings, WaiterSettings
from penstock.settings.executors import ExecutorChoice, default_executors
from penstock.settings.loader import LoaderSettings
from penstock.settings.logs import LogSettings
from penstock.settings.metrics import MetricsSettings, SinkChoice
from penstock.settings.notifier import NotifierSettings
from penstock.settings.plugins import PluginSettings
from penstock.settings.retention import RetentionSettings
from penstock.settings.scheduler import SchedulerSettings
from penstock.settings.secrets import BackendChoice, SecretsSettings, order_of
from penstock.settings.services import ServiceChoice
from penstock.settings.sharing.queues import WorkerRule
from penstock.settings.xcom import XComSettings


class Settings(msgspec.Struct, frozen=True):
    """Everything that is set, paths made absolute and counts resolved.

    Attributes:
        root: Folder of ``penstock.toml``, or the working folder if there is none.
        file: The ``penstock.toml``, or None.
        executors: The executors of ``[executors]`` by name, with ``local`` if it is not among them.
        queues: Name of the executor of each queue of ``[queues]``; tries of other queues go to ``local``.
        queue_limits: Tasks at once of each queue of ``[queues]`` that has such a limit.
        queue_workers: How many workers each queue of ``[queues]`` may want.
        tenants: The tenants of ``[tenants]``, by name; "" is the one of the DAGs that name none.
        secrets_backends: The secrets backends of the tables ``[secrets.NAME]``, by name.
        services: The services of ``[services]``, by name.
        notifiers: The channels of ``[notifiers]`` by name.
        metrics_sinks: The metrics sinks of the tables ``[metrics.NAME]``, by name.
        secret_keys: Keys of ``PENSTOCK_SECRET_KEY``, the first of which encrypts; empty to use the key file.
        connections: Connections of the environment, by lower-case id; they go before stored ones.
        variables: Variables of the environment, by lower-case key; they go before stored ones.
        disabled_providers: Ids of providers that must not be used: ``disabled`` of ``[plugin-manager]`` and
            ``PENSTOCK_DISABLED_PROVIDERS``; ``*``, for all of them, if ``PENSTOCK_SAFE_MODE`` is set.
    """

    root: Path
    file: Path | None
    core: CoreSettings = CoreSettings()
    database: DatabaseSettings = DatabaseSettings()
    scheduler: SchedulerSettings = SchedulerSettings()
    executor: ExecutorSettings = ExecutorSettings()
    waiters: WaiterSettings = WaiterSettings()
    loader: LoaderSettings = LoaderSettings()
    notifier: NotifierSettings = NotifierSettings()
    alerts: AlertSettings = AlertSettings()
    xcom: XComSettings = XComSettings()
    logs: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    retention: RetentionSettings = RetentionSettings()
    plugins: PluginSettings = PluginSettings()
    secrets: SecretsSettings = SecretsSettings()
    executors: dict[str, ExecutorChoice] = msgspec.field(default_factory=default_executors)
    queues: dict[str, str] = {}
    queue_limits: dict[str, int] = {}
    queue_workers: dict[str, WorkerRule] = {}
    tenants: dict[str, TenantRule] = {}
    secrets_backends: dict[str, BackendChoice] = {}
    services: dict[str, ServiceChoice] = {}
    notifiers: dict[str, NotifierChoice] = {}
    metrics_sinks: dict[str, SinkChoice] = {}
    secret_keys: tuple[str, ...] = ()
    connections: dict[str, Connection] = {}
    variables: dict[str, str] = {}
    disabled_providers: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """The settings without their secrets."""
        return f"Settings({str(self.file or self.root)!r})"

    @property
    def dags_folder(self) -> Path:
        """Folder of the DAG files."""
        return self.root / self.core.dags_folder

    @property
    def state_folder(self) -> Path:
        """Folder of the database, the key file, source snapshots and sockets."""
        return self.root / self.core.state_folder

    @property
    def logs_folder(self) -> Path:
        """Folder of the logs."""
        return self.root / self.core.logs_folder if self.core.logs_folder else self.state_folder / "logs"

    @property
    def values_url(self) -> str:
        """URL under which large values of tasks are put."""
        return self.xcom.store or (self.state_folder / "xcom").absolute().as_uri()

    @property
    def key_file(self) -> Path:
        """File of the keys that encrypt connections and Variables, unless ``secret_keys`` are set."""
        return self.state_folder / "secret.key"

    def local_executor(self, name: str) -> ExecutorSettings:
        """The settings of a local executor: those of ``[executor]``, with what its own table says."""
        return msgspec.structs.replace(self.executor, **self.executors[name].options)

    @property
    def secrets_order(self) -> tuple[str, ...]:
        """Names of the sources of connections and Variables, in the order in which they are asked."""
        return order_of(self.secrets.order, self.secrets_backends)

    @property
    def isolated_file(self) -> Path:
        """File that names the providers with an environment of their own; beside this environment."""
        return Path(sys.prefix) / "penstock-isolated.json"

    @property
    def database_url(self) -> str:
        """URL of the database."""
        return self.database.url or f"sqlite:///{self.state_folder / 'penstock.db'}"


SECTIONS: dict[str, type[msgspec.Struct]] = {
    "core": CoreSettings,
    "database": DatabaseSettings,
    "scheduler": SchedulerSettings,
    "executor": ExecutorSettings,
    "waiters": WaiterSettings,
    "loader": LoaderSettings,
    "notifier": NotifierSettings,
    "alerts": AlertSettings,
    "xcom": XComSettings,
    "logs": LogSettings,
    "metrics": MetricsSettings,
    "retention": RetentionSettings,
    "plugins": PluginSettings,
    "secrets": SecretsSettings,
}
"""Tables whose keys are known; those of ``[executors]``, ``[queues]``, ``[tenants]``, ``[services]`` and ``[notifiers]`` are names of
the user's own."""
