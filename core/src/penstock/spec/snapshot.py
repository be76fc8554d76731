"""A source snapshot on its way to another machine: packed to bytes, unpacked and checked against its content hash.

A snapshot is a folder of files and a list of them, `LIST`, whose content hash is the snapshot's name.
"""

import shutil
from pathlib import Path

from penstock.processes.draft import draft_of, finish_draft, write_listed
from penstock.spec.archives.listed_archives import LIST, listed_contents, pack_listed


def pack(folder: Path) -> bytes:
    """Pack a snapshot's folder.

    Raises:
        RequestError: A file of it is damaged.
        OSError: It cannot be read.
    """
    listed = (folder / LIST).read_bytes()
    return pack_listed(
        listed, folder, f"the snapshot {folder.name}", remedy="see `penstock doctor`, where the scheduler runs."
    )


def unpack(data: bytes, wanted: str, snapshots: Path) -> Path:
    """Unpack a snapshot beside others, unless it is there.

    Args:
        data: What `pack` made.
        wanted: Its content hash.
        snapshots: The folder that holds snapshots by their hash; made if need be.

    Returns:
        The snapshot's folder.

    Raises:
        RequestError: The bytes are no snapshot, or not the wanted one.
        OSError: The folder cannot be written.
    """
    target = snapshots / wanted
    if target.is_dir():
        return target
    # Under another name until it is whole: a worker that dies on the way must leave nothing that looks like a snapshot.
    draft = draft_of(snapshots)
    draft.mkdir(parents=True)
    try:
        for name, content, executable in listed_contents(data, wanted, f"the snapshot {wanted}"):
            write_listed(draft / name, content, executable=executable)
        finish_draft(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target
