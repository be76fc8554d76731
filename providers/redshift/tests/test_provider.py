"""The provider from outside."""

import dataclasses

from penstock.testing.provider_suite import ProviderSuite
from penstock_redshift.connections import RedshiftFields


class TestRedshift(ProviderSuite):
    provider_id = "redshift"

    def test_the_fields_of_the_connection_are_those_of_the_code(self):
        (connection,) = self.subject().manifest.connections
        listed = {each.name: (each.required, each.default) for each in connection.fields}
        coded = {
            each.name: (each.default is dataclasses.MISSING, each.default)
            for each in dataclasses.fields(RedshiftFields)
        }

        assert list(listed) == list(coded)
        for name, (required, default) in listed.items():
            assert required is coded[name][0], name
            if not required:
                assert coded[name][1] == ("" if default is None else default), name
