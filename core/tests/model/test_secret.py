import pytest

from penstock.model.secret import variable_secrets


@pytest.mark.parametrize(
    ("key", "text", "secrets"),
    [
        ("region", "eu", ()),
        ("customers", '{"AA": ["departed"]}', ()),
        ("CRM_TOKEN", "abc", ("abc",)),
        ("smtp_password", '"quoted"', ('"quoted"', "quoted")),
        ("crm", '{"url": "https://crm", "api_key": "abc", "more": {"secrets": ["x", {"id": "y"}]}}', ("abc", "x", "y")),
        ("note", "the password is in the safe", ()),
        ("token", "", ()),
        ("token", None, ()),
    ],
    ids=["plain", "plain json", "by its key", "json text", "within json", "the text decides nothing", "empty", "none"],
)
def test_a_variable_is_a_secret_by_the_names_around_it(key, text, secrets):
    assert variable_secrets(key, text) == secrets
