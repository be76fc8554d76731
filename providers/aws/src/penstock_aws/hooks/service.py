"""What every hook of AWS shares: the connection, the SDK's client, its errors, and who we are."""

from dataclasses import replace
from typing import Any, ClassVar

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.fields import Connection
from penstock.spec.hooks.service_hook import Identity, ServiceHook
from penstock_aws.connections import AwsFields
from penstock_aws.errors import provider_error
from penstock_aws.hooks.clients import client, forget


class AwsHook(ServiceHook[AwsFields]):
    """The base of the hooks of AWS; a subclass names its service, and has a method for each thing that it does.

    Args:
        aws_conn_id: The connection, of type ``aws``.
        connection: The connection itself, in place of its name.

    Attributes:
        service: The service by the SDK's name of it, such as ``ecs``.
    """

    connection_type: ClassVar[str] = "aws"
    default_conn_id: ClassVar[str] = "aws_default"
    fields_class: ClassVar[type[AwsFields]] = AwsFields
    service: ClassVar[str]

    def __init__(self, aws_conn_id: str | None = None, *, connection: Connection | None = None) -> None:
        super().__init__(aws_conn_id, connection=connection)

    @property
    def client(self) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        """The boto3 client of this process, for what the hook does not offer."""
        with self.errors("CreateClient"):
            return client(self.service, self.fields)

    @property
    def single_attempt_client(self) -> Any:  # noqa: ANN401 - as above
        """A client that repeats nothing, for requests that would do their work twice."""
        with self.errors("CreateClient"):
            return client(self.service, replace(self.fields, max_attempts=1))

    @property
    def endpoint(self) -> str:
        """The URL of the service, or of what speaks its protocol."""
        return str(self.client.meta.endpoint_url)

    def identify(self) -> Identity:
        """Who STS says we are, which needs no permission at all.

        Raises:
            penstock.errors.ProviderError: The credentials are wrong, or STS cannot be reached.
        """
        with self.errors("GetCallerIdentity"):
            answer = client("sts", self.fields).get_caller_identity()
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date") or ""
        return Identity(str(answer["Arn"]), f"AWS knows us as {answer['Arn']}.", date)

    def provider_error(self, error: Exception, operation: str, what: str) -> ProviderError:
        """What a failure of the SDK means; one of the credentials has the next client look for them anew."""
        fields = self._fields
        found = provider_error(
            error, operation=operation, what=what, conn_id=self.conn_id, service=self.service,
            renewable=fields is None or fields.renewable,
        )  # fmt: skip
        if found.kind is ErrorKind.AUTH and fields is not None:
            forget(self.service, fields)
        return found
