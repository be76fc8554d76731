"""Plain files as an object store."""

import io

import pytest

from penstock.errors import ProviderError
from penstock.plugins.file_store import FileStore
from penstock.testing import ObjectStoreSuite


class TestFileStore(ObjectStoreSuite):
    store_class = FileStore
    memory_bytes = 1 << 20

    @pytest.fixture
    def prefix(self, tmp_path):
        return f"file://{tmp_path}/"


@pytest.fixture
def store():
    return FileStore()


@pytest.fixture
def root(tmp_path):
    return f"file://{tmp_path}"


def test_urls_are_listed_quoted(store, root):
    store.write(f"{root}/b 1", b"one")

    assert [each.url for each in store.list(f"{root}/b")] == [f"{root}/b%201"]


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        pytest.param(lambda s, r: s.read("file://host/x"), "invalid", id="other host"),
        pytest.param(lambda s, r: s.read(f"{r}/folder/"), "invalid", id="folder"),
        pytest.param(lambda s, r: (s.write(f"{r}/f", b""), s.write(f"{r}/f/g", b"")), "transient", id="file as folder"),
        pytest.param(lambda s, r: s.stat(f"{r}/{'x' * 300}"), "transient", id="stat fails"),
        pytest.param(lambda s, r: list(s.list(f"{r}/{'x' * 300}/")), "transient", id="list fails"),
    ],
)
def test_a_failure_has_a_kind(store, root, call, kind):
    with pytest.raises(ProviderError) as raised:
        call(store, root)

    assert raised.value.kind == kind


def test_a_failed_upload_leaves_no_part_behind(store, root, tmp_path):
    class Cut(io.RawIOBase):
        def readable(self):
            return True

        def read(self, size=-1):
            raise OSError("the wire was cut")

    with pytest.raises(ProviderError):
        store.upload(f"{root}/a", Cut())

    assert list(tmp_path.iterdir()) == []
