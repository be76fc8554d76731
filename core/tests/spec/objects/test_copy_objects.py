"""Objects are copied from store to store, each once, whole, and never outside of where they belong."""

import io
import threading

import pytest

from penstock import CopyObjectsOperator
from penstock.errors import ErrorKind, FailTask, ProviderError
from penstock.plugins.file_store import FileStore
from penstock.spec.object_store import ObjectInfo
from penstock.testing import runtime


class Box:
    """A store in memory; its names are as they are, as those of buckets."""

    def __init__(self, **contents):
        self.kept, self.origins, self.uploads, self.writes = {}, {}, [], 0
        for name, data in contents.items():
            self.put(f"box://b/{name}", data)

    def put(self, url, data, origin=""):
        """Store it, with another tag each time."""
        self.writes += 1
        self.kept[url], self.origins[url] = (data, self.writes), origin

    def stat(self, url):
        return ObjectInfo(url, len(self.kept[url][0]), str(self.kept[url][1])) if url in self.kept else None

    def list(self, prefix):
        return [self.stat(url) for url in sorted(self.kept) if url.startswith(prefix)]

    def open(self, url):
        return io.BytesIO(self.kept[url][0])

    def upload(self, url, stream, *, origin=""):
        self.uploads.append(url)
        self.put(url, b"".join(iter(lambda: stream.read(2), b"")), origin)

    def origin(self, url):
        return self.origins.get(url, "")

    def delete(self, url):
        self.kept.pop(url, None)
        self.origins.pop(url, None)


def copy(source, destination, *, box=None, other=None, **arguments):
    """Run the operator; what it returns."""
    task = CopyObjectsOperator(task_id="copy", source=source, destination=destination, **arguments)
    with runtime(stores={"box": box, "other": other, "file": FileStore()}):
        return task.execute({})


def below(folder):
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def test_one_object_is_copied_under_the_name_that_is_given_or_under_its_own(tmp_path):
    box = Box(**{"in/a": b"one"})

    copy("box://b/in/a", f"file://{tmp_path}/there", box=box)
    done = copy("box://b/in/a", f"file://{tmp_path}/folder/", box=box)

    assert below(tmp_path) == {"there": b"one", "folder/a": b"one"}
    assert done == {"copied": 1, "left": 0, "deleted": 0, "bytes": 3}


def test_one_object_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ProviderError, match="box://b/none: there is no such object") as raised:
        copy("box://b/none", f"file://{tmp_path}/there", box=Box())
    assert raised.value.kind == "not_found"


def test_all_below_a_prefix_are_copied_with_the_names_that_they_have_below_it(tmp_path):
    box = Box(**{"in/a": b"one", "in/deep/b c%": b"two", "in/": b"", "in/empty/": b"", "inner": b"no"})

    there = copy("box://b/in/", f"file://{tmp_path}/", box=box)
    copy(f"file://{tmp_path}/", "box://back/", box=box)

    assert below(tmp_path) == {"a": b"one", "deep/b c%": b"two"}
    assert (there["copied"], there["bytes"]) == (2, 6)
    assert {url: data for url, (data, _) in box.kept.items() if url.startswith("box://back")} == {
        "box://back/a": b"one",
        "box://back/deep/b c%": b"two",
    }


def test_what_is_unchanged_is_copied_once_and_what_changed_at_the_same_size_again():
    box, other = Box(a=b"one", b=b"two"), Box()
    copy("box://b/", "other://c/", box=box, other=other)
    box.put("box://b/a", b"ONE")

    done = copy("box://b/", "other://c/", box=box, other=other)

    assert (done["copied"], done["left"]) == (1, 1)
    assert other.uploads[2:] == ["other://c/a"]


def test_a_copy_that_another_has_written_over_is_made_again():
    box, other = Box(a=b"one"), Box()
    copy("box://b/a", "other://c/a", box=box, other=other)
    other.put("other://c/a", b"two")

    assert copy("box://b/a", "other://c/a", box=box, other=other)["copied"] == 1
    assert other.kept["other://c/a"][0] == b"one"


def test_a_file_that_was_changed_in_its_place_is_copied_again(tmp_path):
    box, path = Box(a=b"one"), tmp_path / "a"
    copy("box://b/a", f"file://{path}", box=box)
    again = copy("box://b/a", f"file://{path}", box=box)
    with path.open("r+b") as file:
        file.write(b"two!")

    changed = copy("box://b/a", f"file://{path}", box=box)

    assert (again["left"], changed["copied"]) == (1, 1)
    assert path.read_bytes() == b"one"


def test_with_delete_extra_the_destination_has_what_the_source_has_and_nothing_else():
    box, other = Box(a=b"one", b=b"two"), Box()
    for name in ("b", "c", "deep/d"):
        other.put(f"other://c/{name}", b"")

    done = copy("box://b/", "other://c/", box=box, other=other, delete_extra=True)

    assert sorted(other.kept) == ["other://c/a", "other://c/b"]
    assert (done["copied"], done["deleted"]) == (2, 2)


def test_an_empty_source_deletes_nothing():
    other = Box()
    other.put("other://c/a", b"")

    with pytest.raises(FailTask, match="nothing below box://b/typo/"):
        copy("box://b/typo/", "other://c/", box=Box(a=b"one"), other=other, delete_extra=True)

    assert sorted(other.kept) == ["other://c/a"]


@pytest.mark.parametrize("name", ["../a", "in/../../a", "in//a", "./a"])
def test_no_object_is_written_outside_of_the_folder_or_over_another(tmp_path, name):
    with pytest.raises(ProviderError, match="no file can be called"):
        copy("box://b/", f"file://{tmp_path}/folder/", box=Box(**{name: b"one"}))
    assert below(tmp_path) == {}


def test_a_source_that_ends_early_or_grows_changes_nothing():
    for data in (b"on", b"one more"):
        box, other = Box(a=b"one"), Box()
        box.open = lambda url, data=data: io.BytesIO(data)

        with pytest.raises(ProviderError, match=f"had 3 bytes, and {len(data)} were read") as raised:
            copy("box://b/a", "other://c/a", box=box, other=other)

        assert raised.value.kind == "conflict"
        assert other.kept == {}


class Endless(io.RawIOBase):
    """A source that never ends: what reads it ends because it is given up, and by nothing else."""

    def read(self, size=-1):
        return b"d"


def test_the_first_failure_gives_up_the_others_and_a_retry_goes_on():
    box, other = Box(**{f"n{n}": b"data" for n in range(50)}), Box()
    begun, whole, upload = threading.Event(), box.open, other.upload

    def failing(url, stream, *, origin=""):
        if url.endswith("/n10"):
            begun.wait(60)
            raise ProviderError("full", service="other", operation="Write", kind=ErrorKind.TRANSIENT)
        if url.endswith("/n11"):
            begun.set()
        upload(url, stream, origin=origin)

    other.upload = failing
    box.open = lambda url: Endless() if url.endswith("/n11") else whole(url)
    with pytest.raises(ProviderError, match="full"):
        copy("box://b/", "other://c/", box=box, other=other)
    made = len(other.kept)
    other.upload, box.open = upload, whole
    done = copy("box://b/", "other://c/", box=box, other=other)

    assert made < 49  # neither the one that failed nor the one that would never end
    assert (done["left"], done["copied"]) == (made, 50 - made)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param({"source": "/tmp/a", "destination": "box://b/a"}, "no URL of an object store", id="a path"),
        pytest.param({"source": "box://b/", "destination": "other://b/a"}, "end it with a slash", id="many to one"),
        pytest.param({"source": "box://b/", "destination": "box://b/in/"}, "inside each other", id="into itself"),
        pytest.param({"source": "box://b/in/", "destination": "box://b/"}, "inside each other", id="out of itself"),
        pytest.param(
            {"source": "box://b/a", "destination": "other://b/a", "delete_extra": True},
            "delete_extra is of all",
            id="one",
        ),
        pytest.param({"source": "box://b/a", "destination": "other://b/a", "parallel": 0}, "parallel is 0", id="none"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, words):
    with pytest.raises(FailTask, match=words):
        copy(box=Box(), other=Box(), **arguments)
