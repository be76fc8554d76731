"""What a worker is to be, and what it needs of the executor that runs its tries."""

from pathlib import Path
from typing import NamedTuple, Protocol

from penstock.model.remote.remote_try import WorkerStatus
from penstock.spec.executor import Executor
from penstock.spec.remote import WorkerGuard


class LocalTries(Executor, Protocol):
    """The executor of this machine; as `penstock.execute.local.LocalExecutor`."""

    def adopt(self, name: str, python: str) -> None:
        """Have tries run in the environment of an interpreter, by this name of their code's provider."""

    def renew_lease(self, until_s: float) -> None:
        """Let tries run on until then on the monotonic clock."""


class WorkerPlan(NamedTuple):
    """What a worker is to be.

    Attributes:
        status: What it says of itself first.
        key: The text whose digest is in its name.
        shown: What lets it in at the server: a token, or the ticket that it was started for.
        folder: Where its files lie: source snapshots, which workers of a machine share, and what is its own.
        own: The folder of what is its own.
        lease_s: Seconds for which it may hold tries after it was heard of; each try has its own where it is another.
        idle_exit_s: Seconds without a try after which it leaves; None for never.
        drain_s: Seconds for which what it has may go on once it is to leave; None for as long as it takes.
        lost_s: Seconds after the end of its last try, and of its lease, for which it asks a server that does not answer before it
            leaves, where it takes no other try; its lease's length unless given.
        guards: What has its machine kept while it has tries, each with a name for people.
        isolated: The file that names the environments of isolated providers that this machine has by itself.
    """

    status: WorkerStatus
    key: str
    shown: str
    folder: Path
    own: Path
    lease_s: float = 60.0
    idle_exit_s: float | None = None
    drain_s: float | None = None
    lost_s: float | None = None
    guards: tuple[tuple[str, WorkerGuard], ...] = ()
    isolated: Path = Path("penstock-isolated.json")
