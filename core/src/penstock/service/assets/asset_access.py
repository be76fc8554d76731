"""Who may do what with an asset: it belongs to no team by itself, so it is asked of the DAGs that name it."""

from penstock.errors import NotFoundError
from penstock.model.access.permission import Permission
from penstock.model.access.refusal import refusal
from penstock.model.assets.asset_use import AssetRole
from penstock.service.installation import Installation


def seen_assets(installation: Installation, permission: Permission) -> list[str] | None:
    """URIs of the assets that a DAG names on which the principal has a permission; None for all there are. Raises StoreError."""
    visible = installation.seen_dags(permission)
    if visible is None:
        return None
    seen = set(visible)
    return sorted({use.asset for use in installation.store.assets.uses() if use.dag_id in seen})


def require_of_asset(
    installation: Installation, permission: Permission, uri: str, role: AssetRole | None = None, *, some: bool = False
) -> None:
    """Refuse whoever has no permission on the DAGs that name an asset.

    Args:
        installation: The installation.
        permission: The permission, on each of them: what is changed is changed for all.
        uri: The asset.
        role: Only of those that name it as this; of all unless given. There need be none then.
        some: Whether one of them is enough: what is read is the same for all.

    Raises:
        ForbiddenError: The principal may see the asset, and not do this.
        NotFoundError: The principal may see no DAG that names it: it is not there.
        StoreError: The database failed.
    """
    if not installation.limited:
        return
    uses = installation.store.assets.uses(uri)
    if not any(installation.may(each, use.dag_id) for use in uses for each in (Permission.DAGS_READ, permission)):
        raise NotFoundError("asset", uri)
    asked = {use.dag_id for use in uses if role is None or use.role is role}
    allowed = [installation.may(permission, each) for each in asked]
    if not (any(allowed) if some else all(allowed)):
        raise refusal(installation.principal, permission, thing=f"asset {uri!r}")
