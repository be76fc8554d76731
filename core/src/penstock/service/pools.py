"""Operations on pools: list, set, delete."""

from penstock.errors import RequestError
from penstock.model.dag import DEFAULT_POOL
from penstock.model.names import check_name
from penstock.service.installation import Installation
from penstock.store import Pool


def list_pools(installation: Installation) -> list[Pool]:
    """List every pool by name; raises StoreError."""
    return installation.store.config.pools()


def set_pool(installation: Installation, name: str, slots: int, description: str = "") -> Pool:
    """Store a pool in place of any of the same name.

    Raises:
        RequestError: The name or the number cannot be used.
        StoreError: The database failed.
    """
    check_name("pool", name)
    if not 0 <= slots < 2**31:
        raise RequestError(f"pool {name!r}: {slots} slots are not possible. Choose 0 (closed) or more.")
    pool = Pool(name, slots, description)
    installation.store.config.put_pool(pool, installation.now())
    return pool


def delete_pool(installation: Installation, name: str) -> None:
    """Delete a pool.

    Raises:
        NotFoundError: There is no such pool.
        RequestError: It is the default pool, or DAGs use it.
        StoreError: The database failed.
    """
    if name == DEFAULT_POOL:
        raise RequestError(f"{name!r} is the pool of every task that names none, so it stays. Resize it instead.")
    store = installation.store
    users = sorted(row.dag_id for row in store.dags.rows() if any(task.pool == name for task in row.spec.tasks))
    if users:
        more = f" and {len(users) - 3} more" if len(users) > 3 else ""
        raise RequestError(f"pool {name!r} is used by DAG {', '.join(users[:3])}{more}. Change these first.")
    store.config.delete_pool(name, installation.now())
