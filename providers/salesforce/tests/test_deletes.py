"""Deleted records: left out, marked, or told by their ids."""

import pytest


@pytest.fixture
def deleted(salesforce, fill):
    """Three accounts, the first of which was deleted later."""
    fill(3)
    salesforce.organisation.moment = "2026-11-21T00:00:00.000+0000"
    found = salesforce.organisation.records["Account"][0]
    salesforce.organisation.change(found, {"IsDeleted": True})
    return found["Id"]


@pytest.mark.parametrize("method", ["rest", "bulk"])
def test_they_are_left_out_unless_asked_for(deleted, run, rows, method):
    told = run(sobject="Account", method=method).check().value("t")
    assert [each["Name"] for each in rows()] == ["name 1", "name 2"]
    assert (told["rows"], told["deleted_rows"]) == (2, 0)


@pytest.mark.parametrize("method", ["rest", "bulk"])
@pytest.mark.parametrize("fields", [None, ["Id", "Name"]])
def test_marked_ones_are_among_the_others(deleted, run, rows, method, fields):
    run(sobject="Account", method=method, fields=fields, exclude_fields=["isdeleted"], deletes="mark").check()
    assert [(each["Name"], each["IsDeleted"]) for each in rows()] == [
        ("name 0", "true"), ("name 1", "false"), ("name 2", "false"),
    ]  # fmt: skip


@pytest.mark.parametrize("method", ["rest", "bulk"])
def test_tombstones_are_their_ids_in_files_of_their_own(deleted, run, rows, method):
    how = {"method": method, "deletes": "tombstones", "fields": ["Name"], "where": "Employees > 1"}
    told = run(sobject="Account", **how).check().value("t")

    assert rows() == [{"Name": "name 2"}]
    assert [each["Id"] for each in rows("deleted")] == [deleted]  # although `where` does not mean it
    assert (told["rows"], told["deleted_files"], told["deleted_rows"]) == (1, 1, 1)


def test_an_incremental_extraction_tells_of_deletions_since(salesforce, deleted, run, rows):
    def since(instant):
        how = {"deletes": "tombstones", "watermark": "since", "variables": {"since": instant}}
        told = run(sobject="Account", **how).check().value("t")
        return told["rows"], told["deleted_rows"]

    assert since("2026-11-20T12:00:00Z") == (0, 1)
    assert since("2026-11-21T12:00:00Z") == (0, 0)
    assert not rows("deleted")  # none of the extraction before is left


def test_an_object_whose_records_cannot_be_deleted_softly_is_named(salesforce, run):
    del salesforce.organisation.fields["Account"]["IsDeleted"]
    assert "Account has no IsDeleted" in run(sobject="Account", deletes="mark").tasks["t"].errors[0]
