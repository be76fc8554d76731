"""The suite of secrets backends: does it give what is asked for, nothing that is not, and say so if it cannot?"""

from collections.abc import Mapping

from penstock.model.connection import Connection, parse_connection
from penstock.spec.secrets_backend import SecretsBackend
from penstock.testing.suites.expect import expect, secrets_shown

_STRANGE = ("", "*", "%", "..", "../{}", "./{}", "{}/", "/{}", "{}\n", " {}", "{}*", "no_such_id_of_the_suite")


class SecretsBackendSuite:
    """Tests of a secrets backend on a place that holds something.

    A subclass gives four fixtures: ``backend``, a made one; ``connections`` and ``variables``, what its place holds by id and key,
    of which one is empty if it keeps none; and ``away``, a backend whose place cannot be reached::

        class TestAcmeBackend(SecretsBackendSuite):
            @pytest.fixture
            def backend(self, server):
                return AcmeBackend(address=server.address)
    """

    def test_each_connection_is_given_under_its_own_id(
        self, backend: SecretsBackend, connections: Mapping[str, Connection], variables: Mapping[str, str]
    ) -> None:
        """The id is that which was asked for, and the fields are those that the place holds."""
        expect(connections or variables, "the fixtures `connections` and `variables` are both empty")
        for conn_id, wanted in connections.items():
            given = backend.connection(conn_id)
            expect(isinstance(given, Connection | str), f"connection({conn_id!r}) returns {type(given).__name__}")
            found = given if isinstance(given, Connection) else parse_connection(conn_id, str(given))
            expect(found.conn_id == conn_id, f"connection({conn_id!r}) answers for another's id, {found.conn_id!r}")
            differ = [name for name in Connection.__struct_fields__ if getattr(found, name) != getattr(wanted, name)]
            expect(not differ, f"connection({conn_id!r}) has another {', '.join(differ)} than the place holds")

    def test_each_variable_is_given_by_its_key(self, backend: SecretsBackend, variables: Mapping[str, str]) -> None:
        """The text is that which the place holds."""
        for key, wanted in variables.items():
            expect(backend.variable(key) == wanted, f"variable({key!r}) is not the text that the place holds")

    def test_what_is_not_there_is_none(
        self, backend: SecretsBackend, connections: Mapping[str, Connection], variables: Mapping[str, str]
    ) -> None:
        """None has the next source asked; no id that is like another is answered for it, and none leads out of the place."""
        for known, ask in ((connections, backend.connection), (variables, backend.variable)):
            first = next(iter(known), "kept")
            for asked in {*(each.replace("{}", first) for each in _STRANGE), first[:-1], first + "x", first.swapcase()}:
                if asked not in known:
                    expect(ask(asked) is None, f"{asked!r} is answered, though the place holds no such thing")

    def test_a_connection_is_no_variable(
        self, backend: SecretsBackend, connections: Mapping[str, Connection], variables: Mapping[str, str]
    ) -> None:
        """Each of the two has names of its own."""
        for conn_id in connections.keys() - variables.keys():
            expect(backend.variable(conn_id) is None, f"the connection {conn_id!r} is given as a Variable")
        for key in variables.keys() - connections.keys():
            expect(backend.connection(key) is None, f"the Variable {key!r} is given as a connection")

    def test_what_is_listed_is_what_is_there(
        self, backend: SecretsBackend, connections: Mapping[str, Connection], variables: Mapping[str, str]
    ) -> None:
        """All names and no values; or None, if it cannot list them."""
        for what, listed, known in (
            ("connection_ids", backend.connection_ids(), connections.keys()),
            ("variable_keys", backend.variable_keys(), variables.keys()),
        ):
            if listed is not None:
                expect(set(listed) == known, f"{what}() lists {sorted(listed)}, not {sorted(known)}")

    def test_a_place_that_is_away_is_an_error_and_no_answer(
        self, away: SecretsBackend, connections: Mapping[str, Connection], variables: Mapping[str, str]
    ) -> None:
        """None would have the next source asked, and a value from elsewhere be taken for this one."""
        asked = [(away.connection, name) for name in connections] + [(away.variable, name) for name in variables]
        for ask, name in asked:
            try:
                given = ask(name)
            except Exception as error:  # noqa: BLE001 - whatever it raises is told
                expect(str(error), f"{type(error).__name__} of a place that is away says nothing")
            else:
                raise AssertionError(f"a place that is away is told as {given!r}; raise an error")

    def test_nothing_that_it_holds_shows_a_secret(
        self, backend: SecretsBackend, connections: Mapping[str, Connection], variables: Mapping[str, str]
    ) -> None:
        """What a traceback shows is its repr, after its use as before."""
        given = [backend.connection(each) for each in connections] + [backend.variable(each) for each in variables]
        secrets = [secret for each in connections.values() for secret in each.secrets()]
        expect(
            given and not secrets_shown((*secrets, *variables.values()), backend),
            "it shows a secret when it is printed",
        )
