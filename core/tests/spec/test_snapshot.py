"""What a worker fetched as a source snapshot is unpacked if it is one, and refused with a sentence if not."""

import io
import tarfile

import pytest

from penstock.errors import RequestError
from penstock.model.values.content_hashes import content_hash
from penstock.spec.archives.listed_archives import LARGEST_FILE, LIST
from penstock.spec.snapshot import unpack


def archive(*members):
    """Pack a list that names the file ``a``, and members of any type."""
    listed = f"{content_hash(b'x')} a\n".encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name, kind, link, content in ((LIST, tarfile.REGTYPE, "", listed), *members):
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = kind, link, len(content)
            packed.addfile(member, io.BytesIO(content))
    return buffer.getvalue(), content_hash(listed)


def test_a_snapshot_is_unpacked(tmp_path):
    data, wanted = archive(("a", tarfile.REGTYPE, "", b"x"))

    assert (unpack(data, wanted, tmp_path) / "a").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("kind", "link"),
    [(tarfile.SYMTYPE, "a"), (tarfile.LNKTYPE, "a"), (tarfile.SYMTYPE, "/etc/passwd"), (tarfile.FIFOTYPE, "")],
)
def test_what_is_no_plain_file_is_refused_and_leaves_nothing(tmp_path, kind, link):
    data, wanted = archive(("a", kind, link, b""))

    with pytest.raises(RequestError, match="'a' is no file"):
        unpack(data, wanted, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_says_it_is_endless_is_not_read(tmp_path):
    header = tarfile.TarInfo(LIST)
    header.size = LARGEST_FILE + 1
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        packed.fileobj.write(header.tobuf())

    with pytest.raises(RequestError, match="is none"):
        unpack(buffer.getvalue(), "wanted", tmp_path)


def test_an_archive_whose_few_bytes_stand_for_many_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("penstock.spec.archives.listed_archives.LARGEST_SNAPSHOT", 1 << 20)
    data, wanted = archive(("a", tarfile.REGTYPE, "", b"x"), ("b", tarfile.REGTYPE, "", bytes(2 << 20)))
    with pytest.raises(RequestError, match="it has more than 1,048,576 bytes"):
        unpack(data, wanted, tmp_path)
    assert list(tmp_path.iterdir()) == []
