"""Logging in by IAM: a password is fetched at each login, from the cluster's API or the serverless one."""

import http.server
import json
import threading

import pytest

from penstock import Connection
from penstock.author.runtime import current
from penstock.errors import ConfigError, ErrorKind, ProviderError
from penstock_redshift.hooks import RedshiftHook
from penstock_redshift.hooks.cache.columns import describe
from penstock_redshift.hooks.cache.link import set_up
from penstock_redshift.hooks.cache.refresh import RefreshRequest, refresh
from penstock_redshift.hooks.cache.registry import Definition
from penstock_redshift.hooks.cache.relations import create

ASSUMED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASSUMED</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
<Expiration>2030-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""
CLUSTER = """<GetClusterCredentialsResponse xmlns="http://redshift.amazonaws.com/doc/2012-12-01/">
<GetClusterCredentialsResult><DbUser>{user}</DbUser><DbPassword>{password}</DbPassword>
<Expiration>2030-01-01T00:00:00Z</Expiration></GetClusterCredentialsResult>
<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetClusterCredentialsResponse>"""
DENIED = """<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>No.</Message></Error>
<RequestId>r</RequestId></ErrorResponse>"""


class Surroundings:
    """What a task may ask for: one connection."""

    def __init__(self, connection):
        self._connection = connection

    def connection(self, conn_id):
        """The one."""
        assert conn_id == self._connection.conn_id
        return self._connection


class Api(http.server.BaseHTTPRequestHandler):
    """Answers as the Redshift APIs do; class attributes say what."""

    user, password, code, asked, keys = "IAM:reader", "minted-1", "", [], []

    def do_POST(self):
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.asked.append(asked)
        self.keys.append(self.headers["Authorization"].partition("Credential=")[2].partition("/")[0])
        if "Action=AssumeRole" in asked:
            status, body = 200, ASSUMED
        elif self.code:
            status, body = 403, DENIED.format(code=self.code)
        elif asked.startswith("{"):
            status, body = 200, json.dumps({"dbUser": self.user, "dbPassword": self.password, "expiration": 1.9e9})
        else:
            suffix = "WithIAM" if "WithIAM" in asked else ""
            body = CLUSTER.format(user=self.user, password=self.password)
            status, body = 200, body.replace("GetClusterCredentials", f"GetClusterCredentials{suffix}")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def api(redshift, monkeypatch):
    """The API, and a user in the database whose password it mints."""
    handler = type("Handler", (Api,), {"asked": [], "keys": []})
    redshift.server.create_user(handler.user, handler.password, superuser=True)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    handler.url = f"http://127.0.0.1:{server.server_port}"
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


def hook_of(redshift, api, login="", **extra):
    extra = {"iam": True, "sslmode": "disable", "region_name": "eu-west-1", "endpoint_url": api.url, **extra}
    connection = Connection(
        "c", "redshift", host=redshift.host, port=redshift.port, schema=redshift.dbname, login=login, extra=extra
    )
    return RedshiftHook(connection=connection)


def test_a_cluster_mints_a_password_for_each_login(redshift, api):
    """The second login of one hook asks for the same user; Airflow's asked for `IAM:IAM:reader`: apache/airflow#64985."""
    hook = hook_of(redshift, api, login="reader", cluster_identifier="warehouse")

    assert hook.get_first("SELECT current_user") == ("IAM:reader",)
    assert hook.test_connection().identity == "IAM:reader"
    assert len(api.asked) == 2
    assert "Action=GetClusterCredentials" in api.asked[0]
    assert "DbUser=reader" in api.asked[0]
    assert "ClusterIdentifier=warehouse" in api.asked[0]


def test_a_workgroup_mints_one_for_whoever_asks(redshift, api):
    """Airflow had no way for workgroups, then called a wrong method, then had two ways: apache/airflow#35805, #36001, #43669."""
    hook = hook_of(redshift, api, workgroup_name="main")

    assert hook.get_first("SELECT current_user") == ("IAM:reader",)
    assert json.loads(api.asked[0])["workgroupName"] == "main"


def test_without_a_login_the_user_is_the_one_of_the_identity(redshift, api):
    assert hook_of(redshift, api, cluster_identifier="warehouse").get_first("SELECT current_user") == ("IAM:reader",)
    assert "Action=GetClusterCredentialsWithIAM" in api.asked[0]


@pytest.mark.parametrize(
    ("role", "keys"),
    [({}, ["KEY"]), ({"role_arn": "arn:aws:iam::123456789012:role/r", "external_id": "x1"}, ["KEY", "ASSUMED"])],
    ids=["keys", "role"],
)
def test_aws_is_asked_as_its_connection_says(redshift, api, role, keys):
    """Airflow asked as the process, and failed with a role: apache/airflow#28000, #20672."""
    aws = Connection(
        "cloud", "aws", login="KEY", password="secret",
        extra={"endpoint_url": api.url, "region_name": "eu-west-1", "addressing_style": "path", **role},
    )  # fmt: skip
    token = current.set(Surroundings(aws))

    hook = hook_of(
        redshift,
        api,
        login="reader",
        cluster_identifier="c",
        db_groups="etl, reports",
        aws_conn_id="cloud",
        region_name="",
    )
    assert hook.get_first("SELECT current_user") == ("IAM:reader",)
    current.reset(token)

    assert api.keys == keys
    assert ("ExternalId=x1" in api.asked[0]) == bool(role)
    assert "DbGroup.1=etl&DbGroups.DbGroup.2=reports" in api.asked[-1]


def test_a_connection_of_another_type_is_refused(redshift, api):
    token = current.set(Surroundings(Connection("cloud", "http", host="h")))
    with pytest.raises(ConfigError, match="'cloud' is of type 'http', not 'aws'"):
        hook_of(redshift, api, workgroup_name="w", aws_conn_id="cloud").run("SELECT 1")
    current.reset(token)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AccessDenied", ErrorKind.PERMISSION),
        ("ExpiredToken", ErrorKind.AUTH),
        ("ClusterNotFound", ErrorKind.NOT_FOUND),
    ],
)
def test_a_refusal_of_the_api_has_a_kind(redshift, api, code, kind):
    api.code = code

    with pytest.raises(ProviderError, match=code) as raised:
        hook_of(redshift, api, login="reader", cluster_identifier="warehouse").run("SELECT 1")
    assert raised.value.kind is kind


def test_the_cache_logs_in_by_a_new_password_at_each_refresh(redshift, api, postgres):
    hook = hook_of(redshift, api, cluster_identifier="warehouse", login="reader")
    options = {"host": redshift.host, "port": str(redshift.port), "dbname": redshift.dbname, "sslmode": "disable"}
    assert set_up(postgres, hook, "redshift", "dblink_fdw", options)["user"] == "IAM:reader"
    query = "SELECT 1 AS one"
    create(
        postgres, hook, Definition("public.one", "view", "redshift", query, describe(hook, query), [], "", []),
        readers={}, replace=False, request=None,
    )  # fmt: skip

    api.password = "minted-2"
    redshift.server.create_user(api.user, api.password, superuser=True)
    assert refresh(postgres, hook, "public.one", RefreshRequest())["rows"] == 1
