import pytest

from penstock.spec.object_store import ObjectInfo
from penstock.watchers.objects import look_at_objects, same_object

NAMES = ("in/a.csv", "in/b.csv", "in/c.txt", "in/.part.csv", "in/x/d.csv", "in/x/y/e.csv", "in/x/", "inner/a.csv")


class Bucket:
    """A store that lists what begins with a prefix."""

    def __init__(self, names):
        self.objects = {f"mem://b/{name}": ObjectInfo(f"mem://b/{name}", 3, f"tag of {name}") for name in names}
        self.asked = []

    def stat(self, url):
        return self.objects.get(url)

    def list(self, prefix):
        self.asked.append(prefix)
        return (each for url, each in sorted(self.objects.items()) if url.startswith(prefix))


@pytest.mark.parametrize(
    ("pattern", "prefix", "names"),
    [
        ("in/a.csv", None, ["in/a.csv"]),
        ("in/z.csv", None, []),
        ("in/*.csv", "in/", ["in/a.csv", "in/b.csv"]),
        ("in/x/", "in/x/", ["in/x/d.csv", "in/x/y/e.csv"]),
        ("in/**/*.csv", "in/", ["in/a.csv", "in/b.csv", "in/x/d.csv", "in/x/y/e.csv"]),
        ("in*/a.csv", "in", ["in/a.csv", "inner/a.csv"]),
        ("in/[bc]*", "in/", ["in/b.csv", "in/c.txt"]),
        ("**/" * 50 + "e.csv", "", ["in/x/y/e.csv"]),
    ],
)
def test_a_pattern_is_asked_for_by_its_prefix_and_stands_for_what_it_would_of_files(pattern, prefix, names):
    bucket = Bucket(NAMES)
    look = look_at_objects(f"mem://b/{pattern}", bucket)
    assert [each.path.removeprefix("mem://b/") for each in look.found] == names
    assert bucket.asked == ([] if prefix is None else [f"mem://b/{prefix}"])


def test_an_object_carries_its_url_size_and_tag_and_is_another_one_with_another_tag():
    bucket = Bucket(["a"])
    [found] = look_at_objects("mem://b/a", bucket).found
    assert found.extra == {"path": "mem://b/a", "size": 3, "etag": "tag of a"}
    assert same_object(bucket, found)
    bucket.objects["mem://b/a"] = ObjectInfo("mem://b/a", 3, "another")
    assert not same_object(bucket, found)
    bucket.objects.clear()
    assert not same_object(bucket, found)
