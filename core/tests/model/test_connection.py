"""Connections as URIs: read exactly, or refused without a word of what may be a password."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import ConfigError
from penstock.model.connection import Connection, parse_connection
from penstock_testkit.nightly import at_night

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


@settings(max_examples=at_night(100, 25), derandomize=True)
@given(host=TEXT, login=TEXT, password=TEXT, schema=TEXT, extra=st.dictionaries(TEXT.filter(bool), TEXT, max_size=2))
def test_a_connection_comes_back_from_its_uri(host, login, password, schema, extra):
    extra = {name: value for name, value in extra.items() if value[:1] not in "{["}
    extra = {name: value for name, value in extra.items() if value not in ("true", "false", "null")}
    given_ = Connection("c", "odd_type", host.replace("[", ""), 5439, login, password, schema, extra)
    assert parse_connection("c", given_.to_uri()) == given_


TYPED = st.text(st.sampled_from("abcXYZ019+=/@:?#&[]!$*'(),; \\^`{}|~é-._"), min_size=8, max_size=20)
"""Passwords as people paste them; a % may encode something, so that nobody can know what was meant."""


@settings(max_examples=at_night(300, 75), derandomize=True)
@given(
    password=TYPED, tail=st.sampled_from(["@", "@/", "@host/dw", "@host:5439/dw?region_name=eu", "@/?region_name=eu"])
)
def test_a_pasted_password_is_read_as_it_is_or_refused_unseen(password, tail):
    try:
        found = parse_connection("c", f"aws://AKIA:{password}{tail}")
    except ConfigError as error:
        pieces = [password[at : at + 4] for at in range(len(password) - 3)]
        told = str(error).replace("login, password and schema (@ is %40, / is %2F, : is %3A)", "")
        assert not [piece for piece in pieces if piece in told and any(c.isdigit() or c in "XYZé" for c in piece)]
        assert "ercent-encode" in told or "neither a URI" in told
    else:
        assert (found.login, found.password) == ("AKIA", password)
        assert found.host in ("", "host")


REFUSED = {
    "a slash": "aws://AKIA:se/cr+et=@/",
    "an at sign": "redshift://u:p@ss@h/dw",
    "at sign, then slash": "redshift://u:p@ss/w@h/dw",
    "a number before the slash": "redshift://u:12/w@h/dw",
    "a question mark": "redshift://u:12?w@h/dw",
    "a hash": "redshift://u:s3cret#w@h/dw",
    "a line break": "redshift://u:s3c\nret@h/dw",
    "a percent sign": "redshift://u:s3cret%zz@h/dw",
    "a bracket": "redshift://u:s3c[ret@h/dw",
}


@pytest.mark.parametrize("uri", REFUSED.values(), ids=REFUSED)
def test_what_is_not_percent_encoded_is_refused(uri):
    with pytest.raises(ConfigError, match=r"connection 'c': .*Percent-encode login, password and schema") as error:
        parse_connection("c", uri)
    assert not any(piece in str(error.value) for piece in ("se/cr", "'se'", "p@ss", "s3c", "12"))


def test_a_plus_is_a_plus_and_the_host_keeps_its_case():
    found = parse_connection("c", "AWS://k:a+b:c@Host.Example/?session_token=x+y%2Fz&n=[1]")
    assert (found.conn_type, found.password, found.host) == ("aws", "a+b:c", "Host.Example")
    assert found.extra == {"session_token": "x+y/z", "n": [1]}
