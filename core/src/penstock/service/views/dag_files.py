"""Operations on DAG files: when they were imported, how long that took, and what came of it."""

from penstock.model.access.permission import Permission
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation
from penstock.store import FileRow


@operation("GET", "/files", needs=Permission.INSTALLATION_READ)
def list_files(installation: Installation) -> list[FileRow]:
    """List the DAG files with the times of their last imports: those that define a DAG that may be seen; raises StoreError."""
    found, seen = installation.store.views.files(), installation.seen_dags()
    if seen is None:
        return found
    defined = installation.store.dags.by_file()
    return [each for each in found if not defined.get(each.file, set()).isdisjoint(seen)]
