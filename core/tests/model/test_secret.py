import pytest

from penstock.model.secret import secrets_in, variable_secrets
from penstock.model.values.address_secrets import without_url_secrets


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


URLS = {
    "redis://:canary@broker:6379/0": "redis://:***@broker:6379/0",
    "amqp://ann:canary@broker//": "amqp://ann:***@broker//",
    "amqp://ann:can:a@ry@broker//": "amqp://ann:***@broker//",
    "sentinel://:canary@a:1;sentinel://:canary@b:1": "sentinel://:***@a:1;sentinel://:***@b:1",
    "rediss://broker/0?password=canary&db=1": "rediss://broker/0?password=***&db=1",
    "cannot reach 'redis://u:canary@h': no route": "cannot reach 'redis://u:***@h': no route",
    "https://h/a?x=1&X-Amz-Security-Token=canary#top": "https://h/a?x=1&X-Amz-Security-Token=***#top",
    "https://ann@h/a:b@c?at=12:30@noon": "https://ann@h/a:b@c?at=12:30@noon",
    "http://[::1]:8080/": "http://[::1]:8080/",
    "mail ann:canary@home": "mail ann:canary@home",
}


@pytest.mark.parametrize(("text", "shown"), URLS.items(), ids=URLS)
def test_a_urls_password_is_not_shown_and_the_rest_of_it_is(text, shown):
    assert without_url_secrets(text) == shown
    assert without_url_secrets(shown) == shown


def test_the_password_of_a_url_is_a_secret_as_it_is_written_and_as_it_is_meant():
    found = set(secrets_in({"broker": "redis://:can%40ary@h/0", "more": ["http://h/?token=abc"], "plain": "x"}))
    assert found == {"can%40ary", "can@ary", "abc"}
    assert variable_secrets("broker", "redis://:canary@h/0") == ("canary",)
