"""Operations on DAG files: when they were imported, how long that took, and what came of it."""

from penstock.model.access.permission import Permission
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation
from penstock.service.operations.page import Page, PagedList, PageSize
from penstock.store import FileRow

_FILES = PagedList("DAG files", str)


@operation("GET", "/files", needs=Permission.INSTALLATION_READ)
def list_files(installation: Installation, *, after: str = "", limit: PageSize = 200) -> Page[FileRow]:
    """List a page of the DAG files by name, with the times of their last imports: those that define a DAG that may be seen.

    Raises:
        PageError: No page ended with ``after``.
        StoreError: The database failed.
    """
    behind, seen = _FILES.key(after) or "", installation.seen_dags()
    files = None
    if seen is not None:
        defined = installation.store.dags.by_file()
        files = [file for file, dags in defined.items() if not dags.isdisjoint(seen)]
    found = installation.store.views.files(files=files, after=behind, limit=limit + 1)
    return _FILES.page(found, limit, lambda each: each.file)
