from __future__ import annotations

import pytest

from penstock_plugin_manager.errors import ManagerError, UsageError
from penstock_plugin_manager.model.intent import OWN, Intent, own_part, read_intent
from penstock_plugin_manager.model.names import ProviderRequirement, parse_provider_requirement
from penstock_plugin_manager.model.toml import parse


@pytest.mark.parametrize(
    ("text", "requirement"),
    [
        ("aws", ProviderRequirement("aws")),
        ("aws[s3, Fast_Lane]>=1,<2", ProviderRequirement("aws", ("fast-lane", "s3"), "<2,>=1")),
        ("penstock-providers-big-query", ProviderRequirement("big_query")),
        ("big-query", ProviderRequirement("big_query")),
    ],
)
def test_wishes_are_read_in_each_form_that_people_type(text, requirement):
    assert parse_provider_requirement(text) == requirement
    assert parse_provider_requirement(str(requirement)) == requirement


@pytest.mark.parametrize("text", ["", "9x", "a b", "aws>>1", "aws[", "a/b", "-r x"])
def test_what_is_no_wish_is_refused(text):
    with pytest.raises(UsageError):
        parse_provider_requirement(text)


def test_wishes_join_by_id():
    intent = (
        Intent()
        .with_requirements([ProviderRequirement("aws", ("s3",), ">=1")])
        .with_requirements([ProviderRequirement("aws", ("iam",))])
    )
    assert intent.providers == (ProviderRequirement("aws", ("iam", "s3"), ">=1"),)
    assert intent.without(["aws"]).providers == ()


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"providers": "aws"}, "plugin-manager.providers must be a list of strings"),
        ({"core": 1}, "plugin-manager.core must be a string"),
        ({"colour": 1}, "plugin-manager.colour is not known"),
        ({"policy": {"max-mb": -1}}, "plugin-manager.policy.max-mb must be a whole number"),
        ({"policy": {"colour": 1}}, "plugin-manager.policy.colour is not known"),
        ({"policy": []}, "plugin-manager.policy must be a table"),
    ],
)
def test_a_wrong_key_is_named_with_its_place(table, words):
    with pytest.raises(ManagerError, match=words):
        read_intent({"plugin-manager": table}, "penstock.toml")


def test_what_a_generation_remembers_of_the_intent_holds_what_a_rollback_needs_and_no_address():
    own = {"providers": ["x"], "packages": ["lib"], "core": ">=1", "isolated": ["y"], "disabled": ["z"]}
    assert sorted(own) == sorted(OWN)
    address = '"https://user:s3cr3t@host/simple/"'
    places = (
        f"index-url = {address}\nextra-index-urls = [{address}]\nfind-links = [{address}]\ncatalogs = [{address}]\n"
    )
    keys = "".join(f"{key} = {value!r}\n" for key, value in own.items())
    kept = own_part(f"[plugin-manager]\n{places}{keys}[other]\nkey = {address}\n", "penstock.toml")
    assert parse(kept, "penstock.toml") == {"plugin-manager": own}
    assert own_part("[other]\nkey = 1\n", "penstock.toml") == ""
