from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_manifest.judge import read_manifest
from penstock_testkit.wheels import small_manifest

from penstock_plugin_manager.need.dag_files import find_files, read_files
from penstock_plugin_manager.need.evidence import Evidence, read_python, read_text
from penstock_plugin_manager.need.match import CapabilityOwners, match

TABLES = (
    '[[operators]]\nid = "aws.copy"\nobject = "penstock_aws.transfers:Copy"\ndoc = "x"\nextra = "fast"\n'
    '[[object_stores]]\nid = "aws.s3"\nobject = "penstock_aws.storage:S3"\ndoc = "x"\nscheme = "s3"\n'
    '[extras]\nfast = "Copies fast."\n'
)
AWS = read_manifest(small_manifest("aws", tables=TABLES)).manifest
RIVAL = read_manifest(small_manifest("rival", tables=TABLES.replace("aws", "rival"))).manifest
GCP = read_manifest(small_manifest("gcp")).manifest


@pytest.mark.parametrize(
    ("source", "needs"),
    [
        pytest.param("import penstock_aws.hooks", {"aws": ()}, id="import"),
        pytest.param("from penstock_aws import hooks as h", {"aws": ()}, id="from import"),
        pytest.param("from penstock_aws.transfers import Copy", {"aws": ("fast",)}, id="extra of the imported class"),
        pytest.param("from penstock_aws import Copy", {"aws": ("fast",)}, id="extra of a re-exported class"),
        pytest.param("import importlib\nimportlib.import_module('penstock_aws')", {"aws": ()}, id="import by text"),
        pytest.param("from penstock import operator\noperator('aws.copy')", {"aws": ("fast",)}, id="operator id"),
        pytest.param(
            "import penstock as p\np.operator('gcp.new')", {"gcp": ()}, id="operator that the catalog does not know"
        ),
        pytest.param("for name in ['aws.run']: run(name)", {"aws": ()}, id="capability id as text"),
        pytest.param("u = f's3://{x}'", {"aws": ()}, id="URL in an f-string"),
        pytest.param("'s3://in/a/docstring'", {}, id="docstring"),
        pytest.param("u = 'https://example.test'", {}, id="foreign scheme"),
        pytest.param("import boto3, os, penstock, penstock_testkit", {}, id="foreign imports"),
        pytest.param("from . import penstock_aws", {}, id="relative import"),
        pytest.param("x = 'aws.unknown'", {}, id="text like an id"),
        pytest.param("if True:\n    import penstock_slack", {"slack": ()}, id="unknown provider by its name"),
    ],
)
def test_evidence_proves_needs_and_nothing_is_guessed(source, needs):
    found = match({"dag.py": read_python(source)}, CapabilityOwners([AWS, GCP]))
    assert {need.id: need.extras for need in found.needs} == needs


@pytest.mark.parametrize(
    ("source", "line"),
    [
        pytest.param("import importlib\nimportlib.import_module(name)", 2, id="import of a variable"),
        pytest.param("from penstock import operator\n\noperator(kind)", 3, id="operator of a variable"),
        pytest.param("u = 's3://bucket'", 1, id="scheme of two providers"),
    ],
)
def test_what_cannot_be_told_is_said_with_its_line(source, line):
    found = match({"dag.py": read_python(source)}, CapabilityOwners([AWS, RIVAL]))
    assert [place.line for place in found.unclear] == [line]
    assert found.needs == ()


def test_an_import_that_may_fail_is_optional():
    source = "try:\n    import penstock_aws\nexcept ImportError:\n    penstock_aws = None\n"
    assert match({"dag.py": read_python(source)}, CapabilityOwners([AWS])).needs[0].optional


def test_configuration_files_are_read_by_known_ids():
    found = match({"dag.yaml": read_text("tasks:\n  - use: aws.copy\n  - to: s3://bucket\n")}, CapabilityOwners([AWS]))
    assert [(place.line, place.what) for place in found.needs[0].locations] == [(2, '"aws.copy"'), (3, "s3://")]


@given(st.text())
def test_any_text_is_read_without_failing(text):
    assert all(isinstance(each, Evidence) for each in [*read_python(text), *read_text(text)])


def test_a_file_that_cannot_be_opened_is_named_and_does_not_end_the_scan(tmp_path):
    (tmp_path / ".#dag.py").symlink_to("me@host.1:2")
    (tmp_path / "dag.py").write_text("import penstock_aws\n")
    found = read_files(find_files([tmp_path]), tmp_path / "cache.json")
    assert [each.kind for each in found[str(tmp_path / ".#dag.py")]] == ["unreadable"]
    assert [each.kind for each in found[str(tmp_path / "dag.py")]] == ["import"]


def test_a_file_is_read_in_the_encoding_that_it_names(tmp_path):
    line = "NAME = 'café'; import penstock_aws\n"
    (tmp_path / "named.py").write_bytes(b"# coding: latin-1\n" + line.encode("latin-1"))
    (tmp_path / "unnamed.py").write_bytes(line.encode("latin-1"))
    (tmp_path / "unknown.py").write_bytes(b"# coding: klingon\n" + line.encode("latin-1"))
    (tmp_path / "deep.py").write_text("x = " + "-" * 100_000 + "1\n")
    found = read_files(find_files([tmp_path]), tmp_path / "cache.json")
    assert {Path(path).stem: found[path][0].kind for path in found} == {
        "named": "import", "unnamed": "unreadable", "unknown": "unreadable", "deep": "unreadable",
    }  # fmt: skip
    assert all(each.value for of_file in found.values() for each in of_file)


def test_what_is_no_file_is_named_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "endless.py").symlink_to("/dev/zero")
    (tmp_path / "loop.py").symlink_to("loop.py")
    with (tmp_path / "huge.py").open("wb") as stream:
        stream.truncate(1 << 40)
    for _ in range(2):
        found = read_files(find_files([tmp_path]), tmp_path / "cache.json")
        assert [[each.kind for each in found[path]] for path in sorted(found)] == [["unreadable"]] * 4
