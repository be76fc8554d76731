"""User and password for one login, fetched from AWS.

Source: GetClusterCredentials, GetClusterCredentialsWithIAM, GetCredentials of Redshift Serverless and AssumeRole in the
API references of Amazon Redshift and AWS STS.
"""

from typing import Any

import penstock
from penstock.errors import ConfigError
from penstock_redshift.connections import RedshiftFields

_PASSWORD_SECONDS = 900  # the shortest life AWS gives; it is needed at login alone


def temporary_credentials(fields: RedshiftFields) -> tuple[str, str]:
    """User and password, from the API of the cluster or of the workgroup; raises what boto3 raises, too.

    Raises:
        penstock.errors.ConfigError: The extra ``iam`` is not installed, or ``aws_conn_id`` names no connection of AWS.
    """
    options = {
        "endpoint_url": fields.endpoint_url or None,
        "config": client_config("the connection logs in by IAM"),
    }
    session = aws_session(
        fields.aws_conn_id, options["config"], region_name=fields.region_name, profile_name=fields.profile_name
    )
    if fields.workgroup_name:
        answer = session.client("redshift-serverless", **options).get_credentials(
            workgroupName=fields.workgroup_name, dbName=fields.database, durationSeconds=_PASSWORD_SECONDS
        )
        return str(answer["dbUser"]), str(answer["dbPassword"])
    cluster = {
        "DbName": fields.database, "ClusterIdentifier": fields.cluster_identifier, "DurationSeconds": _PASSWORD_SECONDS,
    }  # fmt: skip
    client = session.client("redshift", **options)
    if not fields.user:
        answer = client.get_cluster_credentials_with_iam(**cluster)
    else:
        groups = [each.strip() for each in fields.db_groups.split(",") if each.strip()]
        answer = client.get_cluster_credentials(
            DbUser=fields.user, AutoCreate=fields.auto_create, **cluster, **({"DbGroups": groups} if groups else {})
        )
    return str(answer["DbUser"]), str(answer["DbPassword"])


def client_config(what: str) -> Any:  # noqa: ANN401 - of the SDK
    """How clients of the SDK wait and repeat; ``what`` needs them, for the message.

    Raises:
        penstock.errors.ConfigError: The extra ``iam`` is not installed.
    """
    try:
        from botocore.config import Config  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra; it ships no types
    except ModuleNotFoundError:
        raise ConfigError(
            f"{what}, which needs the extra 'iam' of the provider. "
            "Install it with: plugin-manager install redshift[iam]"
        ) from None
    return Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})


def aws_session(aws_conn_id: str, config: Any, *, region_name: str = "", profile_name: str = "") -> Any:  # noqa: ANN401 - of the SDK
    """A session of the SDK: as the connection of AWS, if one is named, or as the profile or the process.

    Raises:
        penstock.errors.ConfigError: ``aws_conn_id`` names no connection of AWS.
    """
    import boto3  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra; it ships no types

    if not aws_conn_id:
        return boto3.session.Session(profile_name=profile_name or None, region_name=region_name or None)
    found = penstock.Connection.get(aws_conn_id)
    if found.conn_type != "aws":
        raise ConfigError(f"aws_conn_id: the connection {aws_conn_id!r} is of type {found.conn_type!r}, not 'aws'.")
    extra = found.extra
    region = region_name or extra.get("region_name") or None
    session = boto3.session.Session(
        aws_access_key_id=found.login or None,
        aws_secret_access_key=found.password or None,
        aws_session_token=extra.get("session_token") or None,
        profile_name=extra.get("profile_name") or None,
        region_name=region,
    )
    if not extra.get("role_arn"):
        return session
    role = {"RoleArn": extra["role_arn"], "RoleSessionName": extra.get("role_session_name") or "penstock"}
    if extra.get("external_id"):
        role["ExternalId"] = extra["external_id"]
    client = session.client("sts", endpoint_url=extra.get("endpoint_url") or None, config=config)
    assumed = client.assume_role(**role)["Credentials"]
    return boto3.session.Session(
        aws_access_key_id=assumed["AccessKeyId"],
        aws_secret_access_key=assumed["SecretAccessKey"],
        aws_session_token=assumed["SessionToken"],
        region_name=region,
    )
