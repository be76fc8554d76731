"""Named secrets: each id under its prefix, and no question about what cannot be there."""

import re

import pytest

from penstock.model.connection import Connection
from penstock.spec.named_secrets import NamedSecrets
from penstock.testing import SecretsBackendSuite

KEPT = {"c/db": "postgres://db.example/sales", "v/threshold": "42", "other/c/x": "no", "c/a b": "no name of the place"}


class Values:
    """Values in memory, which note what they are asked for."""

    def __init__(self, kept):
        self.kept, self.asked = kept, []

    def value(self, name):
        self.asked.append(name)
        if self.kept is None:
            raise OSError("the place is away")
        return self.kept.get(name)

    def names(self, prefix):
        return (name for name in self.kept if name.startswith(prefix))


def secrets(values, **options):
    usual = {
        "connections_prefix": "c", "variables_prefix": "v/", "connections_lookup_pattern": "",
        "variables_lookup_pattern": "", "list_names": True,
    }  # fmt: skip
    return NamedSecrets(values, ids=re.compile(r"[a-z_/]{1,9}"), separator="/", **(usual | options))


class TestNamedSecrets(SecretsBackendSuite):
    @pytest.fixture
    def backend(self):
        return secrets(Values(KEPT))

    @pytest.fixture
    def away(self):
        return secrets(Values(None))

    @pytest.fixture
    def connections(self):
        return {"db": Connection("db", "postgres", host="db.example", schema="sales")}

    @pytest.fixture
    def variables(self):
        return {"threshold": "42"}


def test_what_cannot_be_there_is_not_asked_for():
    values = Values(KEPT)
    backend = secrets(values, connections_lookup_pattern="^d", variables_prefix="")

    assert [backend.connection(each) for each in ("a b", "other", "db")] == [None, None, KEPT["c/db"]]
    assert backend.variable("threshold") is None
    assert backend.variable_keys() == []
    assert values.asked == ["c/db"]


def test_a_lookup_pattern_holds_nobody_up():
    backend = secrets(
        Values({"c/" + "a" * 9: "x"}), connections_lookup_pattern="^(a+)+_$", variables_lookup_pattern="^(a+)+$"
    )
    assert backend.connection("a" * 9) is None
    with pytest.raises(ValueError, match=r"the lookup pattern '\^\(\?!a\)' looks ahead"):
        secrets(Values({}), connections_lookup_pattern="^(?!a)")


@pytest.mark.parametrize("prefixes", [("a", "a/b"), ("a/b/", "a"), ("a", "a")])
def test_prefixes_within_each_other_are_refused(prefixes):
    with pytest.raises(ValueError, match="within the other"):
        secrets(Values({}), connections_prefix=prefixes[0], variables_prefix=prefixes[1])
