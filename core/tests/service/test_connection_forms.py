"""What a form of a connection is made of, and what of it is kept without being shown."""

import pytest

from penstock.errors import RequestError
from penstock.model.connection import Connection
from penstock.plugins.host import PluginHost
from penstock.service.config.connection_types import ConnectionField, list_connection_types
from penstock.service.config.connections import set_connection, show_connection
from penstock_manifest.format import Capability, ConnectionType, Field, Manifest
from penstock_manifest.providers import Provider

STORED = Connection(
    "shop",
    "http",
    "shop.example",
    443,
    "ann",
    "hunter2",
    extra={"api_token": "t0ken", "region": "eu"},
    description="old",
)


def _shown(installation, **changed):
    shown = show_connection(installation, "shop")
    fields = {name: getattr(shown, name) for name in Connection.__struct_fields__}
    return Connection(**{**fields, **changed})


@pytest.mark.parametrize(("changed", "kept"), [
    ({}, {"password": "hunter2", "extra": STORED.extra}),
    ({"description": "new", "login": "bob"}, {"password": "hunter2", "login": "bob", "description": "new"}),
    ({"password": "other"}, {"password": "other", "extra": STORED.extra}),
    ({"password": "other", "extra": {"api_token": "new", "region": "us"}, "host": "else.example"}, {"host": "else.example"}),
    ({"password": "", "extra": {}, "host": "else.example"}, {"password": "", "extra": {}}),
])  # fmt: skip
def test_secrets_that_are_not_shown_are_kept_where_the_connection_leads_to_the_same_place(
    changed, kept, installation, store
):
    set_connection(installation, "shop", STORED)
    set_connection(installation, "shop", _shown(installation, **changed), keep_secrets=True)
    found = store.config.connection("shop")
    assert {name: getattr(found, name) for name in kept} == kept


@pytest.mark.parametrize("changed", [
    {"host": "evil.example"}, {"port": 80}, {"conn_type": "postgres"}, {"schema": "http"},
    {"extra": {"api_token": "***", "region": "us"}}, {"extra": {"api_token": "***", "region": "eu", "proxy": "evil.example"}},
    {"password": "known", "host": "evil.example"},
])  # fmt: skip
def test_a_secret_is_not_kept_by_a_connection_that_leads_elsewhere(changed, installation, store):
    set_connection(installation, "shop", STORED)
    with pytest.raises(RequestError, match="Give the secrets anew"):
        set_connection(installation, "shop", _shown(installation, **changed), keep_secrets=True)
    assert store.config.connection("shop") == STORED


def test_what_is_not_stored_keeps_no_secrets(installation):
    with pytest.raises(RequestError, match="'shop' is not stored"):
        set_connection(installation, "shop", STORED, keep_secrets=True)


def test_the_kinds_of_connections_have_the_fields_that_manifests_name(installation):
    token = Field("token", "str", "A token.", True, True, None)
    hook = Capability("hooks", "acme.hook", "acme:Hook", "Asks.", connection_type="acme")
    kinds = (ConnectionType("acme", "A shop.", (), (token,)), ConnectionType("deaf", "Says nothing."))
    manifest = Manifest("acme", "Acme", "A shop.", ">=1", ("acme",), capabilities=(hook,), connections=kinds)
    installation.host = PluginHost([], modules=[Provider("acme", ("acme 1.0",), manifest)])
    assert [(each.type, each.provider, each.tested) for each in list_connection_types(installation)] == [
        ("acme", "acme", True), ("deaf", "acme", False), ("smtp", "", False),
    ]  # fmt: skip
    assert list_connection_types(installation)[0].fields == (
        ConnectionField("token", "str", "A token.", required=True, secret=True),
    )
