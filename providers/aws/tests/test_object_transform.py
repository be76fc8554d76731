"""An object is made out of another one, whole or not at all."""

import gzip
import shutil

import pytest

from penstock.errors import ErrorKind, PenstockError, ProviderError
from penstock.testing import OperatorSuite
from penstock_aws.operators import S3FileTransformOperator

SCRIPT = """#!/bin/sh
echo "makes $2"
sort "$3" "$1" > "$2"
"""


def upper(source, target):
    for line in source:
        target.write(line.upper())


class TestS3FileTransformOperator(OperatorSuite):
    operator = S3FileTransformOperator

    @pytest.fixture
    def connections(self, connection):
        return {"aws_default": connection}

    @pytest.fixture
    def arguments(self, places):
        return {**places, "transform_script": "cp"}


@pytest.fixture
def places(s3, bucket):
    """An object of two lines, and where to put what is made of it."""
    s3.put(f"s3://{bucket}/in", "a\nb\n")
    return {"source_s3_key": f"s3://{bucket}/in", "dest_s3_key": f"s3://{bucket}/out"}


@pytest.fixture
def script(tmp_path):
    """A program that sorts lines."""
    path = tmp_path / "sorted lines.sh"
    path.write_text(SCRIPT)
    path.chmod(0o755)
    return str(path)


def transform(places, **options):
    return S3FileTransformOperator(task_id="t", **places, **options).execute({})


def test_a_function_of_streams_makes_an_object(runtime, places, s3, bucket):
    assert transform(places, transform=upper, options={"ContentType": "text/csv"}) == places["dest_s3_key"]

    assert s3.get(places["dest_s3_key"]) == b"A\nB\n"
    assert s3.client().head_object(Bucket=bucket, Key="out")["ContentType"] == "text/csv"


def test_what_is_made_may_be_larger_than_what_is_held_of_it(runtime, places, s3, hook):
    content = bytes(20_000_000)
    hook.load_bytes(gzip.compress(content), places["source_s3_key"], replace=True)

    def unpack(source, target):
        with gzip.open(source) as lines:
            shutil.copyfileobj(lines, target)

    transform(places, transform=unpack)
    assert hook.head(places["dest_s3_key"]).size == len(content)


def test_a_script_of_files_makes_an_object(runtime, places, script, s3, capsys):
    transform(places, transform_script=script, script_args=["-r"])

    assert s3.get(places["dest_s3_key"]) == b"b\na\n"
    assert "makes /" in capsys.readouterr().out


def test_what_fails_stores_nothing(runtime, places, script, s3, hook):
    def fail(source, target):
        target.write(b"half")
        raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        transform(places, transform=fail)
    with pytest.raises(PenstockError, match="ended with exit code 2"):
        transform(places, transform_script=script, script_args=["--no-such-option"])
    gone = {**places, "source_s3_key": places["source_s3_key"] + "gone"}
    for how in ({"transform": upper}, {"transform_script": script}):
        with pytest.raises(ProviderError) as raised:
            transform(gone, **how)
        assert raised.value.kind is ErrorKind.NOT_FOUND
    assert not hook.check_for_key(places["dest_s3_key"])


def test_an_object_that_is_there_stays_if_told(runtime, places, s3, caplog):
    caplog.set_level("INFO")
    s3.put(places["dest_s3_key"], "old")

    transform(places, transform=lambda *_: 1 / 0, replace=False)

    assert s3.get(places["dest_s3_key"]) == b"old"
    assert "is there already, and stays as it is" in caplog.text


@pytest.mark.parametrize("given", [{}, {"transform": upper, "transform_script": "sort"}])
def test_a_function_or_a_script_is_needed(given):
    with pytest.raises(ValueError, match="one of the two"):
        S3FileTransformOperator(task_id="t", source_s3_key="s3://b/a", dest_s3_key="s3://b/b", **given)
