"""What the exit code of a process says."""

import pytest

from penstock.errors import (
    ConfigError,
    ExitCode,
    InternalError,
    NotFoundError,
    PluginError,
    RequestError,
    StoreError,
    StoreHeldError,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFoundError("DAG", "x"), 3),
        (RequestError("no"), 4),
        (StoreError("gone"), 5),
        (StoreHeldError("held"), 4),
        (ConfigError("wrong"), 5),
        (InternalError("bug"), 70),
        (PluginError("broken"), 1),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error, code):
    assert ExitCode.of(type(error)) == code


def test_every_exit_code_says_what_it_means():
    assert all(code.meaning for code in ExitCode)
