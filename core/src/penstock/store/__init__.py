"""The database: SQLite, or PostgreSQL for several machines. No query exists elsewhere, and no room imports what is behind this door."""

from penstock.store.access.answers import KeptAnswer, KeyTakenError, UsedKey
from penstock.store.backfills.backfills import UnreadableBackfill
from penstock.store.catalog import LoaderCatalog
from penstock.store.checkpoints.state_store import StateOwner, StateValue
from penstock.store.config import Pool, UnreadableSecrets, Variable
from penstock.store.copying.database_copy import DatabaseCopy, TableCopy, copy_database
from penstock.store.dags import DagRow, DagState, StoredVersion, UnreadableDag, Version, planned_dag
from penstock.store.figures.figures import Counts, HeldTries, Moments, WaitingTasks
from penstock.store.history.export import Span
from penstock.store.keyring import Keyring, lost_key, new_key
from penstock.store.log_search.log_search import LogSearch
from penstock.store.outbox.alerts import ALERTS, KEPT, AlertDelivery, NewAlert, WaitingAlerts
from penstock.store.outbox.outbox import Listener
from penstock.store.remote.remote_tries import REMOTE, WORKERS, RemoteTries
from penstock.store.remote.remote_workers import RemoteWorkers
from penstock.store.runs import PastTry, RunSnapshot, UnreadableRun
from penstock.store.schedulers.holder import Holder
from penstock.store.schedulers.owned_dags import Membership, OwnedDags
from penstock.store.schedulers.role import SchedulerRole
from penstock.store.schedulers.shares import Portions, Share, Shares
from penstock.store.sql.wakeup import NOTICES, SCHEDULER, VARIABLES, Wakeup, Wakeups
from penstock.store.store import Store
from penstock.store.transaction import Transaction
from penstock.store.upgrades.upgrades import PendingUpgrade, pending_upgrade, upgrade
from penstock.store.views.dag_list import DagChoice, ListedDag, listed
from penstock.store.views.views import FileRow, RunStates, ShortRun

__all__ = [
    "ALERTS",
    "KEPT",
    "NOTICES",
    "REMOTE",
    "SCHEDULER",
    "VARIABLES",
    "WORKERS",
    "AlertDelivery",
    "Counts",
    "DagChoice",
    "DagRow",
    "DagState",
    "DatabaseCopy",
    "FileRow",
    "HeldTries",
    "Holder",
    "KeptAnswer",
    "KeyTakenError",
    "Keyring",
    "ListedDag",
    "Listener",
    "LoaderCatalog",
    "LogSearch",
    "Membership",
    "Moments",
    "NewAlert",
    "OwnedDags",
    "PastTry",
    "PendingUpgrade",
    "Pool",
    "Portions",
    "RemoteTries",
    "RemoteWorkers",
    "RunSnapshot",
    "RunStates",
    "SchedulerRole",
    "Share",
    "Shares",
    "ShortRun",
    "Span",
    "StateOwner",
    "StateValue",
    "Store",
    "StoredVersion",
    "TableCopy",
    "Transaction",
    "UnreadableBackfill",
    "UnreadableDag",
    "UnreadableRun",
    "UnreadableSecrets",
    "UsedKey",
    "Variable",
    "Version",
    "WaitingAlerts",
    "WaitingTasks",
    "Wakeup",
    "Wakeups",
    "copy_database",
    "listed",
    "lost_key",
    "new_key",
    "pending_upgrade",
    "planned_dag",
    "upgrade",
]
