"""Nobody waits while a snapshot is packed."""

import os
from concurrent.futures import Future

import pytest

from penstock.errors import NotFoundError, RequestError
from penstock.model.values.content_hashes import content_hash
from penstock.spec.archives.listed_archives import LIST
from penstock.spec.snapshot import unpack
from penstock.tries.packed_snapshots import PackedSnapshots

PATIENCE_S = 60.0
LISTED = f"{content_hash(b'x')} a\n".encode()
NAME = content_hash(LISTED)


@pytest.fixture
def packed(tmp_path):
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / LIST).write_bytes(LISTED)
    return PackedSnapshots(tmp_path)


def test_a_disk_that_does_not_answer_holds_up_nobody_and_what_several_want_is_packed_once(tmp_path, packed):
    (tmp_path / NAME / "a").write_bytes(b"x")
    slow = content_hash(b"slow")
    (tmp_path / slow).mkdir()
    os.mkfifo(tmp_path / slow / LIST)  # whoever reads it waits until somebody writes
    waiting: Future[bytes] = packed.get(slow)
    assert packed.get(slow) is waiting
    assert (unpack(packed.get(NAME).result(PATIENCE_S), NAME, tmp_path / "far") / "a").read_bytes() == b"x"
    assert not waiting.done()
    (tmp_path / slow / LIST).write_bytes(b"")
    waiting.result(PATIENCE_S)
    assert packed.get(NAME) is not packed.get(slow)


@pytest.mark.parametrize(
    ("wanted", "error", "said"),
    [
        (NAME, RequestError, "the file 'a' of the snapshot .* is damaged"),
        ("0" * 40, NotFoundError, "It cannot be read: .*No such file"),
        (f"../{NAME}", NotFoundError, "source snapshot"),
    ],
    ids=["damaged", "gone", "no hash"],
)
def test_what_cannot_be_packed_is_told_to_whoever_wants_it(tmp_path, packed, wanted, error, said):
    (tmp_path / NAME / "a").write_bytes(b"y")
    with pytest.raises(error, match=said):
        packed.get(wanted).result(PATIENCE_S)
