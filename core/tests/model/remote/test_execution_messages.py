"""The messages of version 1 of the execution API stay readable by both sides, whichever of them is newer."""

import inspect

import msgspec
import pytest

from penstock.model.attempt import TryEnd
from penstock.model.remote import execution_messages
from penstock.model.remote.remote_try import WorkerStatus
from penstock.spec.executor import TryRequest

REQUIRED = {
    "ClaimAnswer": "tries",
    "ClaimTickets": "worker key claim tickets",
    "Claimed": "ticket token request lease_s",
    "EnvironmentLock": "provider python abi distributions",
    "LockedDistribution": "name version digest size",
    "LogPiece": "offset data",
    "Renewal": "status key",
    "RenewalAnswer": "",
    "ReportAnswer": "tries",
    "Reported": "",
    "Reports": "tries",
    "TryEnd": "outcome",
    "TryQuestion": "token method",
    "TryReport": "token",
    "TryRequest": "run epoch facts code log",
    "WorkerStatus": "worker",
}
"""What version 1 began with: whatever comes later has a default, or another version."""
SENT = {
    name: each
    for name, each in inspect.getmembers(execution_messages, inspect.isclass)
    if each.__module__ == execution_messages.__name__
}
SENT |= {each.__name__: each for each in (TryEnd, TryRequest, WorkerStatus)}


def test_a_field_that_comes_later_has_a_default():
    required = {
        name: " ".join(field.name for field in msgspec.structs.fields(each) if field.required)
        for name, each in SENT.items()
    }
    assert required == REQUIRED


@pytest.mark.parametrize("name", sorted(SENT))
def test_a_field_that_one_side_does_not_know_is_left_out(name):
    config = SENT[name].__struct_config__
    assert (config.forbid_unknown_fields, config.array_like) == (False, False)
