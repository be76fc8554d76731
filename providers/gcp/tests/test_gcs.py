"""What the hook promises of every write, read and copy, against a service that is slow, cut, doubled and contended."""

import io
import json
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from penstock.errors import ErrorKind, ProviderError
from penstock_gcp.hooks import GCSHook
from penstock_gcp.hooks.checksum import Checksum, joined
from penstock_gcp.hooks.resumable import CHUNK_BYTES
from penstock_testkit.saas import Order

UPLOAD = "PUT /upload/storage/v1/b/clicks/o"
MEDIA = "GET /storage/v1/b/clicks/o/a"
QUARTER = 256 * 1024

RACE = """
import json, os, sys
from penstock import Connection
from penstock_gcp.hooks import GCSHook

hook = GCSHook(connection=Connection("c", "gcp", password=sys.stdin.read()))
hook.client
children = []
for number in range(8):
    pid = os.fork()
    if not pid:
        code = 9
        try:
            code = 0 if hook.write(str(number).encode(), "gs://clicks/lock", replace=False) else 1
        finally:
            os._exit(code)
    children.append(pid)
print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]))
"""

KILLED = """
import json, pathlib, sys
from penstock import Connection
from penstock_gcp.hooks import GCSHook

class Kept:
    file = pathlib.Path(sys.argv[2])
    def get(self, key):
        return json.loads(self.file.read_text()).get(key) if self.file.exists() else None
    def set(self, key, value):
        self.file.write_text(json.dumps({key: value}))

hook = GCSHook(connection=Connection("c", "gcp", password=sys.stdin.read()))
hook.upload_file(sys.argv[1], "gs://clicks/large", kept=Kept(), chunk_bytes=256 * 1024)
"""


class Kept(dict):
    """Checkpoints of one task."""

    set = dict.__setitem__


def test_the_sdk_asks_for_nothing_in_threads_of_its_own(gcs, hook):
    before = set(threading.enumerate())
    gcs.put("gs://clicks/a", "one")

    hook.head("gs://clicks/a")
    assert [each.name for each in hook.list_objects("gs://clicks/")] == ["a"]

    for each in set(threading.enumerate()) - before:
        if "_fetch_background" in each.name:
            each.join()
    assert not gcs.asked("GET /storage/v1/b/clicks")


def test_of_eight_processes_that_write_one_object_one_wins(gcs, key):
    done = subprocess.run(
        [sys.executable, "-c", RACE], input=json.dumps(key[1]), capture_output=True, text=True, check=True, timeout=100
    )

    codes = json.loads(done.stdout)
    assert sorted(codes) == [0] + [1] * 7
    assert gcs.content("gs://clicks/lock") == str(codes.index(0)).encode()


def test_an_upload_that_was_killed_in_the_middle_goes_on(gcs, hook, key, tmp_path):
    content = bytes(range(256)) * 5000
    (tmp_path / "large").write_bytes(content)
    held = gcs.faults.hold(when=lambda request: request.header("Content-Range").startswith(f"bytes {2 * QUARTER}-"))
    command = [sys.executable, "-c", KILLED, str(tmp_path / "large"), str(tmp_path / "kept")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as process:
        process.stdin.write(json.dumps(key[1]))
        process.stdin.close()
        held.reached()
        process.kill()
    held.release()
    before = len(gcs.asked(UPLOAD))

    kept = Kept(json.loads((tmp_path / "kept").read_text()))
    hook.upload_file(tmp_path / "large", "gs://clicks/large", kept=kept)

    ranges = [each.header("Content-Range") for each in gcs.asked(UPLOAD)[before:]]
    assert ranges[0] == f"bytes */{len(content)}"
    assert int(ranges[1].removeprefix("bytes ").partition("-")[0]) >= 2 * QUARTER
    assert gcs.content("gs://clicks/large") == content
    assert len(gcs.sessions) == 1


def test_an_upload_that_was_killed_at_its_end_is_not_done_again(gcs, hook, tmp_path):
    (tmp_path / "a").write_bytes(b"one")
    kept = Kept()

    first = hook.upload_file(tmp_path / "a", "gs://clicks/a", kept=kept)

    assert hook.upload_file(tmp_path / "a", "gs://clicks/a", kept=kept) == first


def test_a_file_that_has_changed_is_uploaded_anew(gcs, hook, tmp_path):
    kept = Kept()
    for content in (b"one", b"three"):
        (tmp_path / "a").write_bytes(content)
        hook.upload_file(tmp_path / "a", "gs://clicks/a", kept=kept)

    assert gcs.content("gs://clicks/a") == b"three"


def test_a_session_that_the_service_has_forgotten_is_begun_anew(gcs, hook, tmp_path):
    (tmp_path / "a").write_bytes(b"one")
    kept = Kept()
    hook.upload_file(tmp_path / "a", "gs://clicks/a", kept=kept)
    gcs.sessions.clear()

    hook.upload_file(tmp_path / "a", "gs://clicks/a", kept=kept)

    assert gcs.content("gs://clicks/a") == b"one"


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_a_write_whose_answer_is_lost_is_made_once(gcs, hook, size):
    gcs.faults.reset_after(when=UPLOAD)

    assert hook.write(b"x" * size, "gs://clicks/a", replace=False) is True

    assert len(gcs.content("gs://clicks/a")) == size


def test_a_chunk_that_is_cut_goes_on_where_the_service_has_it(gcs, hook):
    content = bytes(range(256)) * 4096
    gcs.faults.cut_upload(QUARTER + 5, when=UPLOAD)

    hook.upload(io.BytesIO(content), "gs://clicks/a")

    assert gcs.content("gs://clicks/a") == content
    assert gcs.asked(UPLOAD)[-1].header("Content-Range") == f"bytes {QUARTER}-{len(content) - 1}/{len(content)}"


def test_a_damaged_upload_makes_no_object(gcs, hook):
    def spoil(request):
        request.body = b"jello"

    gcs.faults.append(Order(spoil, None, UPLOAD))

    with pytest.raises(ProviderError, match="CRC32C"):
        hook.write(b"hello", "gs://clicks/a")

    assert gcs.buckets["clicks"].objects == {}


def test_who_writes_what_another_has_written_meanwhile_is_declared(gcs, hook):
    gcs.put("gs://clicks/a", "one")
    seen = hook.head("gs://clicks/a")
    gcs.put("gs://clicks/a", "two")

    for change in (
        lambda: hook.write(b"mine", "gs://clicks/a", generation=seen.generation),
        lambda: hook.delete("gs://clicks/a", generation=seen.generation),
        lambda: hook.copy("gs://clicks/a", "gs://clicks/a", generation=seen.generation),
    ):
        with pytest.raises(ProviderError) as caught:
            change()
        assert caught.value.kind is ErrorKind.CONFLICT
    assert gcs.content("gs://clicks/a") == b"two"


def test_a_transfer_that_is_cut_goes_on_in_the_same_generation(gcs, hook):
    gcs.put("gs://clicks/a", bytes(range(256)) * 40)
    gcs.faults.cut_answer(100, times=2, when=MEDIA)

    assert hook.read("gs://clicks/a") == bytes(range(256)) * 40

    asked = gcs.asked(MEDIA)
    assert [each.header("Range") for each in asked] == ["", "bytes=100-", "bytes=200-"]
    assert asked[1].query["generation"] == str(gcs.buckets["clicks"].objects["a"].generation)


def test_an_object_that_is_replaced_while_it_is_read_is_not_mixed(gcs, hook):
    gcs.put("gs://clicks/a", "old" * 1000)
    gcs.faults.cut_answer(100, when=MEDIA)
    stream = hook.open("gs://clicks/a")
    gcs.put("gs://clicks/a", "new" * 1000)

    with stream, pytest.raises(ProviderError, match="written anew") as caught:
        stream.read()

    assert caught.value.kind is ErrorKind.CONFLICT


def test_damaged_bytes_are_not_given_as_right_ones(gcs, hook):
    gcs.put("gs://clicks/a", "hello")
    gcs.faults.append(Order(lambda _: lambda answer: replace(answer, body=b"jello"), 1, MEDIA))

    with pytest.raises(ProviderError, match="damaged") as caught:
        hook.read("gs://clicks/a")

    assert caught.value.kind is ErrorKind.TRANSIENT


def test_a_large_copy_is_made_in_many_calls(gcs, hook):
    """apache/airflow#27488 and apache/airflow#37237: the copy of a large object timed out, as one call had to do it all."""
    gcs.put("gs://clicks/a", "x" * 95)
    gcs.rewrite_bytes = 10

    assert hook.copy("gs://clicks/a", "gs://clicks/b") is True

    assert gcs.content("gs://clicks/b") == b"x" * 95
    assert len(gcs.asked("POST /storage/v1/b/clicks/o/a/rewriteTo/b/clicks/o/b")) == 10


def test_a_copy_whose_answer_is_lost_is_made_once(gcs, hook):
    gcs.put("gs://clicks/a", "one")
    gcs.faults.reset_after(when="POST /storage/v1/b/clicks/o/a/rewriteTo/b/clicks/o/b")

    assert hook.copy("gs://clicks/a", "gs://clicks/b") is True

    assert gcs.content("gs://clicks/b") == b"one"


def test_more_than_32_objects_are_composed_by_parts_that_are_gone_then(gcs, hook):
    names = [f"gs://clicks/in/{number:03}" for number in range(70)]
    for number, name in enumerate(names):
        gcs.put(name, f"{number};")

    hook.compose(names, "gs://clicks/whole")

    assert gcs.content("gs://clicks/whole") == "".join(f"{number};" for number in range(70)).encode()
    assert sorted(gcs.buckets["clicks"].objects) == sorted([*(name[12:] for name in names), "whole"])


def test_a_compose_whose_answer_is_lost_is_made_once(gcs, hook):
    gcs.put("gs://clicks/a", "one")
    gcs.put("gs://clicks/b", "two")
    gcs.faults.reset_after(when="POST /storage/v1/b/clicks/o/a/compose")

    hook.compose(["gs://clicks/a", "gs://clicks/b"], "gs://clicks/a")

    assert gcs.content("gs://clicks/a") == b"onetwo"


def test_a_delete_whose_answer_is_lost_is_no_failure(gcs, hook):
    gcs.put("gs://clicks/a", "one")
    gcs.faults.reset_after(when="DELETE /storage/v1/b/clicks/o/a")

    hook.delete("gs://clicks/a")

    assert gcs.buckets["clicks"].objects == {}


def test_a_sync_copies_what_differs_and_deletes_what_is_too_much(gcs, hook):
    gcs.create_bucket("copy")
    for name in ("same", "new", "other", "ü"):
        gcs.put(f"gs://clicks/in/{name}", name)
    for name, content in {"same": "same", "other": "old", "extra": "x"}.items():
        gcs.put(f"gs://copy/{name}", content)

    assert hook.sync("gs://clicks/in/", "gs://copy") == {"copied": 2, "deleted": 0, "left": 3}
    assert gcs.content("gs://copy/other") == b"old"
    done = hook.sync("gs://clicks/in/", "gs://copy", replace=True, delete_extra=True)
    assert done == {"copied": 1, "deleted": 1, "left": 3}
    assert {name: each.content.decode() for name, each in gcs.buckets["copy"].objects.items()} == {
        name: name for name in ("same", "new", "other", "ü")
    }


def test_a_missing_bucket_is_no_missing_object(hook):
    with pytest.raises(ProviderError, match="bucket does not exist") as caught:
        hook.head("gs://nowhere/a")

    assert caught.value.kind is ErrorKind.NOT_FOUND


def test_a_list_that_does_not_get_further_is_an_error(gcs, hook):
    for number in range(60):
        gcs.put(f"gs://clicks/{number:02}", "x")
    listed = "GET /storage/v1/b/clicks/o"
    gcs.faults.append(Order(lambda request: request.without_query("pageToken"), None, listed))

    with pytest.raises(ProviderError, match="does not get further"):
        list(hook.list_objects("gs://clicks"))


def test_a_download_that_fails_leaves_the_file_as_it_was(gcs, hook, tmp_path):
    gcs.put("gs://clicks/a", "hello")
    (tmp_path / "a").write_text("old")
    gcs.faults.append(Order(lambda _: lambda answer: replace(answer, body=b"jello"), 1, MEDIA))

    with pytest.raises(ProviderError):
        hook.download_file("gs://clicks/a", tmp_path / "a")

    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("a", "old")]


def test_a_token_that_has_ended_is_renewed_in_the_middle(gcs, hook, tokens):
    gcs.put("gs://clicks/a", "one")
    hook.head("gs://clicks/a")
    tokens.revoke()

    assert hook.read("gs://clicks/a") == b"one"
    tokens.revoke()
    assert hook.write(b"two", "gs://clicks/b") is True


def test_the_session_of_an_upload_is_in_no_error(gcs, hook):
    gcs.faults.server_error(times=None, when=UPLOAD)

    with pytest.raises(ProviderError) as caught:
        hook.write(b"one", "gs://clicks/a")

    assert "upload_id" not in str(caught.value)
    assert "upload-" not in str(caught.value)
    gcs.faults.clear()


def test_the_name_of_its_connection_is_gcp_default():
    assert GCSHook().conn_id == "gcp_default"


@pytest.mark.parametrize(("first", "second"), [(b"", b""), (b"a", b""), (b"", b"b"), (b"one", b"two" * 1000)])
def test_the_checksum_of_a_whole_is_that_of_its_parts(first, second):
    def told(data):
        found = Checksum()
        found.add(data)
        return found.text

    assert joined(told(first), told(second), len(second)) == told(first + second)
