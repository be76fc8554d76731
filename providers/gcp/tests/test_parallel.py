"""Large objects in parts at once, and many objects at once: whole, right, and with nothing left over."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from penstock.errors import ErrorKind, ProviderError
from penstock_testkit.saas import Order

PART = 256 * 1024
CONTENT = bytes(range(251)) * 5000

UPLOAD = """
import json, sys
from penstock import Connection
from penstock_gcp.hooks import GCSHook

hook = GCSHook(connection=Connection("c", "gcp", password=sys.stdin.read()))
hook.upload_parts(sys.argv[1], "gs://clicks/a", part_bytes=256 * 1024)
"""


@pytest.fixture
def large(tmp_path):
    """A file of five parts, the last of which is short."""
    path = tmp_path / "large"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize("content", [b"", b"one", CONTENT], ids=["empty", "small", "large"])
def test_a_file_goes_up_in_parts_and_comes_back(gcs, hook, tmp_path, content):
    (tmp_path / "file").write_bytes(content)

    generation = hook.upload_parts(tmp_path / "file", "gs://clicks/a", part_bytes=PART, content_type="text/csv")
    hook.download_parts("gs://clicks/a", tmp_path / "back", part_bytes=PART)

    found = hook.head("gs://clicks/a")
    assert (found.generation, found.content_type) == (generation, "text/csv")
    assert (tmp_path / "back").read_bytes() == gcs.content("gs://clicks/a") == content
    assert list(gcs.buckets["clicks"].objects) == ["a"]


def test_there_are_never_more_parts_than_one_call_composes(gcs, hook, tmp_path):
    (tmp_path / "file").write_bytes(bytes(33 * PART))

    hook.upload_parts(tmp_path / "file", "gs://clicks/a", part_bytes=PART)

    assert len(gcs.asked("POST /storage/v1/b/clicks/o/a/compose")) == 1
    assert gcs.content("gs://clicks/a") == bytes(33 * PART)


def test_parts_that_a_killed_upload_has_left_are_not_sent_again(gcs, hook, key, large):
    held = gcs.faults.hold(when="POST /storage/v1/b/clicks/o/a/compose")
    with subprocess.Popen([sys.executable, "-c", UPLOAD, str(large)], stdin=subprocess.PIPE, text=True) as process:
        process.stdin.write(json.dumps(key[1]))
        process.stdin.close()
        held.reached()
        process.kill()
    left = len(gcs.buckets["clicks"].objects)
    sent = len(gcs.asked("POST /upload/storage/v1/b/clicks/o"))

    try:
        hook.upload_parts(large, "gs://clicks/a", part_bytes=PART)
    finally:
        held.release()  # what the killed one asked for last is refused then, as there is an object

    assert left == 5
    assert len(gcs.asked("POST /upload/storage/v1/b/clicks/o")) == sent == 5
    assert gcs.content("gs://clicks/a") == CONTENT
    assert list(gcs.buckets["clicks"].objects) == ["a"]


def test_an_upload_in_parts_that_fails_leaves_nothing_and_what_was_there(gcs, hook, large):
    gcs.put("gs://clicks/a", "old")
    gcs.faults.server_error(3, when="POST /storage/v1/b/clicks/o/a/compose")

    with pytest.raises(ProviderError):
        hook.upload_parts(large, "gs://clicks/a", part_bytes=PART)

    assert list(gcs.buckets["clicks"].objects) == ["a"]
    assert gcs.content("gs://clicks/a") == b"old"


def test_a_part_that_breaks_off_goes_on_and_one_that_is_damaged_leaves_no_file(gcs, hook, tmp_path):
    gcs.put("gs://clicks/a", CONTENT)
    gcs.faults.cut_answer(1000, times=2, when=_of_content)
    hook.download_parts("gs://clicks/a", tmp_path / "back", part_bytes=PART)
    assert (tmp_path / "back").read_bytes() == CONTENT

    def damage(answer):
        return replace(answer, body=b"x" + answer.body[1:])

    gcs.faults.append(Order(lambda _: damage, 1, _of_content, "damage"))
    with pytest.raises(ProviderError) as caught:
        hook.download_parts("gs://clicks/a", tmp_path / "damaged", part_bytes=PART)
    assert caught.value.kind is ErrorKind.TRANSIENT
    assert sorted(each.name for each in tmp_path.iterdir()) == ["back"]


def _of_content(request):
    return request.query.get("alt") == "media"


def test_all_below_a_prefix_are_deleted_and_nothing_else(gcs, hook):
    for number in range(70):
        gcs.put(f"gs://clicks/in/{number}", "x")
    gcs.put("gs://clicks/other", "x")

    assert hook.delete_all("gs://clicks/in/") == 70
    assert list(gcs.buckets["clicks"].objects) == ["other"]
