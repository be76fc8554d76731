"""AWS errors as kinds: what a failure of the SDK means for a retry.

Error codes are those of the pages "Error responses" of the Amazon S3 API Reference, "GetRecords" of that of
Kinesis, and "Common errors" of the AWS general reference. The SDK's own exceptions are told by their class
names, so that this room imports nothing of it.
Those of other services are in each one's API reference; here stand those whose status does not tell their kind.
Actions are those of the page "Required permissions for Amazon S3 API operations" of its user guide, and of the service
authorization reference; some are not named like the operations.
"""

from collections.abc import Mapping
from typing import Any

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.hooks.error_kinds import kind_of_exception, kind_of_status, kinds_by_name

_CODES = {
    ErrorKind.NOT_FOUND: (
        "404", "NoSuchKey", "NoSuchBucket", "NoSuchUpload", "NotFound", "NoSuchVersion",
        "ResourceNotFoundException", "ParameterNotFound", "ClusterNotFoundException", "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue", "UnknownResourceFault",
    ),
    ErrorKind.AUTH: (
        "401", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidClientTokenId",
        "UnrecognizedClientException", "MissingAuthenticationToken", "AuthorizationHeaderMalformed", "ExpiredToken",
        "ExpiredTokenException", "TokenRefreshRequired", "InvalidIdentityToken",
    ),
    ErrorKind.PERMISSION: (
        "403", "AccessDenied", "AccessDeniedException", "AllAccessDisabled", "AccountProblem", "UnauthorizedOperation",
        "NotSignedUp", "OptInRequired", "InvalidPayer", "AuthorizationError", "KmsAccessDenied", "KMSAccessDenied",
        "KMSAccessDeniedException", "OperationNotPermittedFault",
    ),
    ErrorKind.THROTTLED: (
        "429", "SlowDown", "Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded",
        "RequestThrottled", "TooManyRequestsException", "PriorRequestNotComplete",
        "RequestThrottledException", "ProvisionedThroughputExceededException", "KMS.ThrottlingException",
        "ServerBusy", "BandwidthLimitExceeded", "KmsThrottled", "KMSThrottling", "KMSThrottlingException", "OverLimit",
        "EC2ThrottledException", "LimitExceededException", "LimitExceededFault",
    ),
    ErrorKind.CONFLICT: (
        "409", "412", "PreconditionFailed", "ConditionalRequestConflict", "OperationAborted", "BucketAlreadyExists",
        "BucketAlreadyOwnedByYou", "BucketNotEmpty", "RestoreAlreadyInProgress", "ConflictException",
        "WorkflowExecutionAlreadyStartedFault",
    ),
    ErrorKind.QUOTA_EXHAUSTED: ("QuotaExceeded", "XMinioAdminBucketQuotaExceeded", "XMinioStorageFull"),
    ErrorKind.TIMEOUT: ("RequestTimeout", "RequestTimeoutException"),
    ErrorKind.TRANSIENT: (
        "500", "502", "503", "504", "InternalError", "InternalFailure", "ServiceUnavailable", "RequestTimeTooSkewed",
        "RequestExpired", "TemporaryRedirect", "307", "ExpiredIteratorException",
        # what arrived was not what was sent: the next attempt sends it again
        "BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch",
    ),
    # an archived object, a missing feature: a 403 and a 501 that no repetition changes
    ErrorKind.INVALID: ("InvalidObjectState", "NotImplemented", "501", "505"),
}  # fmt: skip
_KIND_OF_CODE = kinds_by_name(_CODES)

_EXCEPTIONS = {
    ErrorKind.AUTH: (
        "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound",
        "TokenRetrievalError", "UnauthorizedSSOTokenError", "SSOTokenLoadError", "MetadataRetrievalError",
    ),
    ErrorKind.TIMEOUT: ("ConnectTimeoutError", "ReadTimeoutError", "CallDeadlineError", "TimeoutError"),
    ErrorKind.TRANSIENT: (
        "EndpointConnectionError", "ConnectionError", "ConnectionClosedError",
        "HTTPClientError", "ProxyConnectionError", "IncompleteReadError", "ResponseStreamingError",
        "S3UploadFailedError", "RetriesExceededError", "FlexibleChecksumError", "ProtocolError", "IncompleteRead",
    ),
}  # fmt: skip
_KIND_OF_EXCEPTION = kinds_by_name(_EXCEPTIONS)

_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired")

_ACTIONS = {
    "HeadObject": "s3:GetObject (and s3:ListBucket, without which a missing key reads as forbidden)",
    "GetObject": "s3:GetObject (and s3:ListBucket, without which a missing key reads as forbidden)",
    "HeadBucket": "s3:ListBucket",
    "ListObjectsV2": "s3:ListBucket",
    "ListBuckets": "s3:ListAllMyBuckets",
    "ListObjectVersions": "s3:ListBucketVersions",
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject and s3:AbortMultipartUpload",
    "UploadPart": "s3:PutObject and s3:AbortMultipartUpload",
    "CompleteMultipartUpload": "s3:PutObject and s3:AbortMultipartUpload",
    "CopyObject": "s3:GetObject on the source and s3:PutObject on the destination",
    "UploadPartCopy": "s3:GetObject on the source and s3:PutObject on the destination",
    "DeleteObject": "s3:DeleteObject",
    "DeleteObjects": "s3:DeleteObject",
    "Invoke": "lambda:InvokeFunction",
    "GetSecretValue": "secretsmanager:GetSecretValue (and kms:Decrypt on a key of your own)",
    "GetParameter": "ssm:GetParameter (and kms:Decrypt on a key of your own)",
    "ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "DeleteMessageBatch": "sqs:DeleteMessage",
    "RunTask": "ecs:RunTask (and iam:PassRole on the roles of the task definition)",
}  # every other operation's action has its name
# What the SDK asks for on its own account, whichever service it is wanted for.
_OF_STS = ("AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity")

_HINTS = {
    ErrorKind.NOT_FOUND: "Check the name, and the region, endpoint and account of the connection {conn!r}",
    ErrorKind.AUTH: "Check the keys, profile or role of the connection {conn!r}",
    ErrorKind.PERMISSION: "Allow {action} to the identity of the connection {conn!r}",
    ErrorKind.THROTTLED: "Spread the load over more key prefixes, shards or time; it is retried",
}
_WRONG_SERVER = "Check endpoint_url of the connection {conn!r}, and what stands between here and there"
_HINT_OF_CODE = {
    "InvalidObjectState": "The object is archived; restore it first",
    "PermanentRedirect": "Set the bucket's region_name, or another endpoint_url, in the connection {conn!r}",
    "AuthorizationHeaderMalformed": "Set the bucket's region_name in the connection {conn!r}",
    "IllegalLocationConstraintException": "Set region_name in the connection {conn!r}, or give the region",
    "RequestTimeTooSkewed": "Set the clock of this machine: it is more than 15 minutes off",
    "NotAwsError": _WRONG_SERVER,
    "ResponseParserError": _WRONG_SERVER,
    "NoSuchKey": "",
    "NoSuchUpload": "",
    "WorkflowExecutionAlreadyStartedFault": "Wait for the end of the open execution, or give another workflow_id",
    "NoRegionError": "Set region_name in the connection {conn!r}",
}
_ABOUT_CHECKSUMS = ("checksum", "content-md5", "contentmd5", "invaliddigest", "trailer", "aws-chunked")
_CHECKSUM_HINT = (
    "If this store knows no x-amz-checksum headers, set checksum to when_required in the connection {conn!r}"
)


def provider_error(
    error: Exception, *, operation: str, what: str = "", conn_id: str = "", service: str = "s3", renewable: bool = True
) -> ProviderError:
    """The error of the SDK as Penstock's.

    Args:
        error: Anything that botocore, boto3 or s3transfer raised.
        operation: The API operation, such as ``GetObject``; an answer of the service says itself which one was refused.
        what: What it was about, such as ``s3://bucket/key``.
        conn_id: The connection, for the hint.
        service: The service's name.
        renewable: Whether expired credentials may be fresh at the next try, because the SDK fetches them itself.
    """
    if isinstance(error, ProviderError):
        return error
    response: dict[str, Any] = getattr(error, "response", None) or {}
    detail, meta = response.get("Error", {}), response.get("ResponseMetadata", {})
    code, status = str(detail.get("Code", "")), meta.get("HTTPStatusCode")
    kind = _kind(error, code, status)
    expired = code in _EXPIRED
    code = code or type(error).__name__
    message = str(detail.get("Message") or error)
    if code == "ResponseParserError":
        message = message.partition("\n")[0]  # all of what was answered stands below
    operation = getattr(error, "operation_name", operation)
    service = "sts" if operation in _OF_STS else service
    hint = "Renew the session token" if expired else _hint(kind, code, message)
    left = "".join(f". {note}" for note in getattr(error, "__notes__", ()))
    return ProviderError(
        (f"{what}: {message}" if what else message) + left,
        service=service,
        operation=operation,
        kind=kind,
        code=code,
        http_status=status,
        request_id=str(meta.get("RequestId", "")),
        retryable=True if expired and renewable else None,
        hint=hint.format(action=_ACTIONS.get(operation, f"{service}:{operation}"), conn=conn_id),
    )


def not_found_hint(conn_id: str) -> str:
    """What to do where a connection leads to no thing of this name."""
    return _HINTS[ErrorKind.NOT_FOUND].format(conn=conn_id)


def refused_keys(failed: Mapping[str, str], bucket: str) -> ProviderError:
    """The error of a DeleteObjects that refused some keys: final if it is for one of them, as all are asked for again.

    Args:
        failed: For each key why, as ``code: message``.
        bucket: The bucket they are in, as far as it is known.
    """
    kinds = [_KIND_OF_CODE.get(why.partition(":")[0], ErrorKind.INVALID) for why in failed.values()]
    kind = next((each for each in kinds if not each.retryable), kinds[0])
    reasons = "; ".join(f"{key!r}: {why}" for key, why in list(failed.items())[:5])
    return ProviderError(
        f"{f's3://{bucket}: ' if bucket else ''}{len(failed)} objects were not deleted: {reasons}",
        service="s3",
        operation="DeleteObjects",
        kind=kind,
        hint="Allow s3:DeleteObject on them" if kind is ErrorKind.PERMISSION else "",
    )


def _hint(kind: ErrorKind, code: str, message: str) -> str:
    """What to do about it, with places for the action and the connection."""
    if code in _HINT_OF_CODE:
        return _HINT_OF_CODE[code]
    if any(word in f"{code} {message}".lower() for word in _ABOUT_CHECKSUMS):
        return _CHECKSUM_HINT
    return _HINTS.get(kind, "")


def _kind(error: Exception, code: str, status: int | None) -> ErrorKind:
    for name in (code, str(status or "")):
        if name in _KIND_OF_CODE:
            return _KIND_OF_CODE[name]
    return kind_of_exception(error, _KIND_OF_EXCEPTION) if status is None else kind_of_status(status)
