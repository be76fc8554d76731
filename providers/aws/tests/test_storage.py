"""The object store of S3, as any transfer uses it."""

import io
import threading

import pytest

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.object_store import open_store


def test_the_store_is_found_by_its_scheme_and_does_all_it_must(runtime, bucket):
    url = f"s3://{bucket}/a/b c"
    store = open_store(url)

    assert store.stat(url) is None
    assert store.write(url, b"one", if_absent=True)
    assert not store.write(url, b"two", if_absent=True)
    before = store.stat(url)
    assert store.write(url, b"three")
    assert store.stat(url).etag != before.etag
    store.upload(f"s3://{bucket}/a/d", io.BytesIO(b"four"))
    assert [(each.url, each.size) for each in store.list(f"s3://{bucket}/a/")] == [(url, 5), (f"s3://{bucket}/a/d", 4)]
    assert store.read(url) == b"three"
    with store.open(url) as stream:
        assert stream.read(3) == b"thr"
    store.delete(url)
    store.delete(url)
    with pytest.raises(ProviderError) as raised:
        store.read(url)
    assert raised.value.kind is ErrorKind.NOT_FOUND


def test_of_many_writers_that_want_it_absent_one_wins(runtime, hook, bucket):
    won = []
    threads = [
        threading.Thread(target=lambda n=n: won.append(hook.load_string(str(n), "lock", bucket))) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(won) == [False] * 7 + [True]
