"""Plain files as an object store."""

import io
import threading

import pytest

from penstock.errors import ProviderError
from penstock.plugins.file_store import FileStore


@pytest.fixture
def store():
    return FileStore()


@pytest.fixture
def root(tmp_path):
    return f"file://{tmp_path}"


def test_what_is_written_is_read_listed_and_deleted(store, root):
    assert store.write(f"{root}/a/b 1", b"one")
    store.upload(f"{root}/a/b2", io.BytesIO(b"two"))

    assert [each.url for each in store.list(f"{root}/a/b")] == [f"{root}/a/b%201", f"{root}/a/b2"]
    assert store.stat(f"{root}/a/b2").size == 3
    with store.open(f"{root}/a/b%201") as stream:
        assert stream.read() == b"one"
    store.delete(f"{root}/a/b2")
    store.delete(f"{root}/a/b2")
    assert store.stat(f"{root}/a/b2") is None


def test_the_tag_changes_with_the_content(store, root):
    store.write(f"{root}/a", b"1")
    before = store.stat(f"{root}/a").etag
    store.write(f"{root}/a", b"2")

    assert store.stat(f"{root}/a").etag != before


def test_of_many_writers_that_want_it_absent_one_wins(store, root):
    won = []
    threads = [
        threading.Thread(target=lambda n=n: won.append(store.write(f"{root}/lock", str(n).encode(), if_absent=True)))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(won) == [False] * 7 + [True]


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        pytest.param(lambda s, r: s.read(f"{r}/gone"), "not_found", id="missing"),
        pytest.param(lambda s, r: s.read("file://host/x"), "invalid", id="other host"),
        pytest.param(lambda s, r: s.read("s3://b/x"), "invalid", id="other scheme"),
        pytest.param(lambda s, r: s.read(f"{r}/folder/"), "invalid", id="folder"),
        pytest.param(lambda s, r: (s.write(f"{r}/f", b""), s.write(f"{r}/f/g", b"")), "transient", id="file as folder"),
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
