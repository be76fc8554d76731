"""The database: SQLite by default, PostgreSQL for more than one machine. No query exists outside this room."""

from penstock.store.access import VARIABLES, Pool, Variable
from penstock.store.bell import Bell
from penstock.store.catalog import LoaderCatalog
from penstock.store.hold import Holder
from penstock.store.keyring import Keyring, new_key
from penstock.store.ledger import SCHEDULER, Transaction
from penstock.store.notices import Listener
from penstock.store.outbox import NOTICES
from penstock.store.people import DagRow, PastTry
from penstock.store.recovery import DagState, RunSnapshot, Version
from penstock.store.store import Store, upgrade

__all__ = [
    "NOTICES",
    "SCHEDULER",
    "VARIABLES",
    "Bell",
    "DagRow",
    "DagState",
    "Holder",
    "Keyring",
    "Listener",
    "LoaderCatalog",
    "PastTry",
    "Pool",
    "RunSnapshot",
    "Store",
    "Transaction",
    "Variable",
    "Version",
    "new_key",
    "upgrade",
]
