from penstock.processes.environ import without_secrets


def test_user_code_begins_without_keys_connections_and_secret_variables():
    environ = {
        "PATH": "/bin",
        "AWS_SECRET_ACCESS_KEY": "the user's own",
        "PENSTOCK_SECRET_KEY": "k",
        "PENSTOCK_DATABASE__URL": "postgresql://u:p@h/d",
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
