from penstock.processes.environ import withheld, without_secrets


def test_user_code_begins_without_keys_connections_and_secret_variables():
    environ = {
        "PATH": "/bin",
        "AWS_SECRET_ACCESS_KEY": "the user's own",
        "PENSTOCK_SECRET_KEY": "k",
        "PENSTOCK_DATABASE__URL": "postgresql://u:p@h/d",
        "PENSTOCK_TOKEN": "penstock_abc",
        "PENSTOCK_SERVICES__GATE__API_KEY": "a",
        "PENSTOCK_EXECUTOR__PARALLELISM": "2",
        "PENSTOCK_CONN_X": "http://u:p@h",
        "PENSTOCK_VAR_DB_PASSWORD": "p",
        "PENSTOCK_VAR_CONF": '{"token": "t"}',
        "PENSTOCK_VAR_REGION": "eu",
    }
    assert sorted(without_secrets(environ)) == [
        "AWS_SECRET_ACCESS_KEY",
        "PATH",
        "PENSTOCK_EXECUTOR__PARALLELISM",
        "PENSTOCK_VAR_REGION",
    ]


def test_what_is_left_out_is_hidden_where_it_is_given_all_the_same():
    environ = {
        "PENSTOCK_SECRET_KEY": "new-key, old-key",
        "PENSTOCK_DATABASE__URL": "postgresql://ann:s3cr%20t@db/penstock",
        "PENSTOCK_CONN_GATE": "http://ann:word@gate/",
        "PENSTOCK_VAR_REGION": "eu",
        "HOME": "/home",
    }
    found = withheld(environ)
    assert {"new-key", "old-key", "s3cr t", "word", environ["PENSTOCK_DATABASE__URL"]} <= set(found)
    assert not {"eu", "/home"} & set(found)


def test_an_address_that_cannot_be_read_is_hidden_as_a_whole():
    assert withheld({"PENSTOCK_DATABASE__URL": "postgresql://[db"}) == ("postgresql://[db",)
