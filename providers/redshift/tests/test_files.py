"""Each file's content is loaded once, manifests never, and what the ledger says was loaded is what was loaded."""

import json

import pytest

from penstock.author.runtime import current
from penstock.errors import ErrorKind, MissingProviderError, ProviderError
from penstock_redshift.transfers import S3ToRedshiftOperator

pytestmark = pytest.mark.usefixtures("runtime")

COUNT = "SELECT count(*) FROM t"


def load(*sources, **options):
    """Run the operator on files; its answer."""
    given = {"copy_options": ["CSV"]} | options
    return S3ToRedshiftOperator(task_id="load", table="t", s3_key=list(sources), **given).execute({})


@pytest.fixture
def table(hook):
    """A table of numbers."""
    hook.run("CREATE TABLE t (id integer)")


@pytest.fixture
def numbers(hook):
    """A function that tells what is in the table."""
    return lambda: [row[0] for row in hook.get_records("SELECT id FROM t ORDER BY 1")]


@pytest.mark.usefixtures("table")
def test_of_files_that_overlap_an_earlier_load_the_new_ones_are_loaded(hook, put, bucket, numbers, capsys):
    prefix = f"s3://{bucket}/in/"
    put("in/p1", 1)
    load(prefix)
    put("in/p2", 2)

    second = load(prefix)
    put("in/p1", 3)
    third, fourth = load(prefix), load(f"{prefix}p1", f"{prefix}p2")

    assert numbers() == [1, 2, 3]
    assert [(each["rows"], each["files"], each["loaded"]) for each in (second, third)] == [(1, 1, True), (1, 1, True)]
    assert (fourth["rows"], fourth["loaded"]) == (2, False)
    out = capsys.readouterr().out
    assert "1 files were loaded before and are left out" in out
    hook.run(out.partition("To load it again: ")[2].splitlines()[0])
    assert load(prefix)["rows"] == 2


@pytest.mark.usefixtures("table")
def test_a_load_with_a_key_counts_for_later_ones_without(put, bucket, numbers):
    put("in/p1", 1)
    load(f"s3://{bucket}/in/", load_key="C:\\hour 'one'")
    put("in/p2", 2)

    assert not load(f"s3://{bucket}/in/", load_key="C:\\hour 'one'")["loaded"]
    assert load(f"s3://{bucket}/in/")["rows"] == 1
    assert numbers() == [1, 2]


class Replacing:
    """A runtime whose stores replace a file the moment it has been loaded, so many times."""

    def __init__(self, inner, redshift, url, times):
        self.inner, self.redshift, self.url, self.times = inner, redshift, url, times
        self.connection = inner.connection

    def object_store(self, url, conn_id):
        if any("COPY" in each.sql for each in self.redshift.statements) and self.times:
            self.times -= 1
            self.redshift.server.forget()
            self.redshift.s3.put(self.url, f"{self.times}\n")
        return self.inner.object_store(url, conn_id)


@pytest.mark.usefixtures("table")
def test_a_file_that_is_replaced_while_it_is_loaded_is_loaded_as_it_is_then(put, redshift, numbers):
    url = put("p", 9)
    token = current.set(Replacing(current.get(), redshift, url, times=1))

    assert load(url)["loaded"]
    current.reset(token)

    assert numbers() == [0]
    assert not load(url)["loaded"]


@pytest.mark.usefixtures("table")
def test_odd_names_of_tables_ledgers_keys_and_files_are_only_names(hook, put, redshift):
    hook.run('CREATE SCHEMA "s%s"; CREATE TABLE "s%s"."it\'s a ""t"" %" ("c %s" integer)')
    url = put("a'b\\c %s ü", 1)

    for loaded in (True, False):
        answer = S3ToRedshiftOperator(
            task_id="x", schema="s%s", table='it\'s a "t" %', s3_key=url, ledger='l"% %(x)s', column_list=["c %s"],
            copy_options=["CSV NULL AS '100%'"],
        ).execute({})  # fmt: skip
        assert (answer["rows"], answer["loaded"]) == (1, loaded)
    assert redshift.s3.get(url) == b"1\n"


MANIFEST = json.dumps({"entries": [{"url": "s3://b/k", "mandatory": True, "meta": {"content_length": 1}}]})


@pytest.mark.usefixtures("table")
def test_a_manifest_is_never_data_whoever_wrote_it(put, bucket, numbers):
    put("in/a", 1)
    for body in (
        MANIFEST, '{"entries": []}', '{"meta": {}, "entries": [{"url": "s3://b/k"}]}', '{"jsonpaths": ["$.id"]}',
    ):  # fmt: skip
        url = put("in/b", body)

        assert load(f"s3://{bucket}/in/", method="replace", copy_options=["FILLRECORD"])["files"] == 1, body
        with pytest.raises(ProviderError, match="is a manifest, and its text would be loaded as rows") as raised:
            load(url)
        assert raised.value.kind is ErrorKind.INVALID
    assert numbers() == [1]


def test_data_that_look_like_a_manifest_are_data(hook, put, bucket, capsys):
    hook.run("CREATE TABLE t (jsonpaths varchar(9), entries varchar(99))")
    put("in/a", '{"jsonpaths": "x"}')
    put("in/b", '{"entries": [1]}')
    put("in/c", '{"entries": "s3://b/k"}')
    left_out = put("in/d", MANIFEST)

    assert load(f"s3://{bucket}/in/", copy_options=["JSON 'auto'"])["rows"] == 3
    assert f"{left_out} is a manifest" in capsys.readouterr().out
    with pytest.raises(ProviderError, match="Invalid JSON"):
        load(put("deep", '{"a": ' + "[" * 100_000), copy_options=["JSON 'auto'"])


@pytest.mark.usefixtures("table")
def test_manifests_of_our_own_may_stand_among_the_files(put, bucket):
    prefix = f"s3://{bucket}/in/"
    put("in/a", 1)

    assert load(prefix, manifest_prefix=prefix)["files"] == 1
    put("in/b", '{"id": 2}')
    assert load(prefix, manifest_prefix=prefix, copy_options=["JSON 'auto'"])["files"] == 1


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("prefix", "names", "loaded"),
    [
        ("in/", ["a", "_b", ".c", "_d/e", "f/_g", "f/h", "folder/"], ["a", "f/h"]),
        ("in/_x", ["_x1", "_x/2", "_x/_3", "_xy_4"], ["_x1", "_x/2", "_xy_4"]),
        ("in/pa", ["part", "pa_x", "pa/_y"], ["part", "pa_x"]),
    ],
)
def test_what_is_asked_for_by_its_name_is_data_and_markers_beyond_it_are_not(
    put, bucket, numbers, prefix, names, loaded
):
    for number, name in enumerate(names):
        put(f"in/{name}", number)

    load(f"s3://{bucket}/{prefix}")

    assert numbers() == [names.index(name) for name in loaded]


def test_empty_files_are_files_from_which_nothing_is_loaded(hook, put, bucket):
    hook.run("CREATE TABLE t (id integer)")
    put("in/empty")
    for method, left in {"append": 1, "replace": 0, "truncate": 0, "upsert": 1}.items():
        hook.run("DELETE FROM t; INSERT INTO t VALUES (1)")

        answer = load(f"s3://{bucket}/in/", method=method, **({"upsert_keys": ["id"]} if method == "upsert" else {}))

        assert (answer["rows"], answer["files"]) == (0, 0)
        assert hook.get_first(COUNT) == (left,), method


@pytest.mark.parametrize("options", [["MANIFEST"], ["CSV manifest"], ["CSV", "GZIP MANIFEST"]])
def test_the_option_manifest_is_refused_when_authoring_and_after_rendering(options):
    with pytest.raises(ValueError, match="this operator writes a manifest of its own"):
        S3ToRedshiftOperator(task_id="x", table="t", s3_key="s3://b/m", copy_options=options)
    task = S3ToRedshiftOperator(task_id="x", table="t", s3_key="s3://b/m", copy_options=["CSV NULL AS 'MANIFEST'"])
    task.copy_options = options
    with pytest.raises(ProviderError, match="a manifest of its own"):
        task.execute({})


def test_a_url_of_another_store_and_a_missing_provider_are_told_with_what_to_do(put):
    with pytest.raises(ProviderError, match="COPY reads nothing else"):
        load("file:///tmp/x.csv")

    class Alone:
        """A runtime without any provider of stores."""

        def object_store(self, url, conn_id):
            raise MissingProviderError("", f"The URL scheme {url}")

    url = put("a", 1)
    token = current.set(Alone())
    with pytest.raises(MissingProviderError, match="plugin-manager install aws"):
        load(url)
    current.reset(token)
