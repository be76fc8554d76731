"""Hooks of the two services that keep secrets: AWS Secrets Manager, and the Parameter Store of AWS Systems Manager."""

from collections.abc import Iterator
from typing import ClassVar

from penstock.errors import ErrorKind, ProviderError
from penstock_aws.hooks.service import AwsHook


class SecretsManagerHook(AwsHook):
    """A client of AWS Secrets Manager.

    Args:
        aws_conn_id: The connection, of type ``aws``.
        connection: The connection itself, in place of its name.
    """

    service: ClassVar[str] = "secretsmanager"

    def value(self, name: str) -> str | None:
        """The current text of a secret; None if there is no secret of this name.

        Raises:
            penstock.errors.ProviderError: It may not be read, is marked for deletion, or holds bytes and no text.
        """
        try:
            with self.errors("GetSecretValue", name):
                answer = self.client.get_secret_value(SecretId=name)
        except ProviderError as error:
            if error.code == "ResourceNotFoundException":
                return None
            raise
        if "SecretString" not in answer:
            raise ProviderError(
                f"{name}: the secret holds bytes and no text", service=self.service, operation="GetSecretValue",
                kind=ErrorKind.INVALID, hint="Store a URI, JSON or text as its SecretString",
            )  # fmt: skip
        return str(answer["SecretString"])

    def names(self, prefix: str) -> Iterator[str]:
        """The names of all secrets that begin with a prefix; one that was made a moment ago may be missing."""
        with self.errors("ListSecrets", f"{prefix}*"):
            pages = self.client.get_paginator("list_secrets")
            for page in pages.paginate(Filters=[{"Key": "name", "Values": [prefix]}]):
                yield from (each["Name"] for each in page["SecretList"] if each["Name"].startswith(prefix))


class SsmHook(AwsHook):
    """A client of the Parameter Store of AWS Systems Manager.

    Args:
        aws_conn_id: The connection, of type ``aws``.
        connection: The connection itself, in place of its name.
    """

    service: ClassVar[str] = "ssm"

    def value(self, name: str) -> str | None:
        """The current text of a parameter, decrypted; None if there is no parameter of this name.

        Raises:
            penstock.errors.ProviderError: It may not be read or decrypted.
        """
        try:
            with self.errors("GetParameter", name):
                answer = self.client.get_parameter(Name=name, WithDecryption=True)
        except ProviderError as error:
            if error.code == "ParameterNotFound":
                return None
            raise
        return str(answer["Parameter"]["Value"])

    def names(self, prefix: str) -> Iterator[str]:
        """The names of all parameters under a path such as ``/penstock/``, without reading any."""
        path = prefix.rstrip("/")
        with self.errors("DescribeParameters", f"{prefix}*"):
            pages = self.client.get_paginator("describe_parameters")
            filters = [{"Key": "Path", "Option": "Recursive", "Values": [path]}]
            for page in pages.paginate(ParameterFilters=filters):  # a page may be empty and not the last
                yield from (each["Name"] for each in page["Parameters"] if each["Name"].startswith(prefix))
