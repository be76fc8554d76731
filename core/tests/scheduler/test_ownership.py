"""Which DAGs a scheduler takes, keeps and hands over, over the statements of PostgreSQL and without a server."""

from datetime import timedelta

import pytest

from penstock.model.dag import DagSpec
from penstock.model.source import ParsedFile
from penstock.scheduler.sharing.ownership import Ownership, owner_of
from penstock.store import LoaderCatalog, Store
from penstock.testing.simulation.database import KEYRING, close
from penstock.testing.simulation.several.shared_database import SharedRole, shared_database

from .conftest import NOW

DAGS = [f"d{number}" for number in range(6)]
LEASE_S = 5.0


class Clock:
    """The clock of the database, which a test sets."""

    now = NOW


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def join(tmp_path, clock):
    """A function with which a scheduler joins: its ownership, to which every DAG is idle of which it is not told otherwise."""
    opened = []
    Store.open(f"sqlite:///{tmp_path}/penstock.db", KEYRING).close()

    def joined(busy=()):
        database = shared_database(tmp_path, lambda: clock.now)
        store = Store.over(database, KEYRING, SharedRole)
        opened.append(database)
        if len(opened) == 1:
            catalog = LoaderCatalog(store, store.config.variable_values, lambda: NOW)
            for dag_id in DAGS:
                catalog.save(
                    ParsedFile(f"{dag_id}.py", "s", {}, {}, None, NOW, 0.1, (DagSpec(dag_id, f"{dag_id}.py"),))
                )
            catalog.close()
        store.role.acquire("a test", NOW, f"place {len(opened)}", lease_s=LEASE_S)
        return store.role, Ownership(store.role, lambda dag_id: dag_id not in busy)

    yield joined
    for database in opened:
        close(database)


def test_what_is_gained_by_a_takeover_is_not_handed_over_before_it_is_known_whether_tries_of_it_live(join, clock):
    _, lost = join(busy=DAGS)
    lost.look()
    assert lost.dag_ids == {*DAGS}
    busy = set()
    (heir_role, heir), (other_role, other) = join(busy), join()
    clock.now += timedelta(seconds=LEASE_S - 1)
    heir_role.renew()
    other_role.renew()
    clock.now += timedelta(seconds=2)
    moves = heir.look()
    assert moves.gained == DAGS, "all that the lost one had, whoever is to have it in the end"
    busy |= {*DAGS}  # the engine has read them, and tries live
    heir.look()
    other.look()
    assert (heir.dag_ids, other.dag_ids) == ({*DAGS}, set())
    busy.clear()
    theirs = {dag_id for dag_id in DAGS if owner_of(dag_id, (2, 3)) == 3}
    assert {*heir.look().lost} == theirs != set()
    assert {*other.look().gained} == theirs
