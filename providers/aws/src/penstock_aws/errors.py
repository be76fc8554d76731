"""AWS errors as kinds: what a failure of the SDK means for a retry.

Error codes are those of the pages "Error responses" of the Amazon S3 API Reference and "Common errors" of the AWS
general reference. The SDK's own exceptions are told by their class names, so that this room imports nothing of it.
"""

from typing import Any

from penstock.errors import ErrorKind, ProviderError

_CODES = {
    ErrorKind.NOT_FOUND: ("404", "NoSuchKey", "NoSuchBucket", "NoSuchUpload", "NotFound", "NoSuchVersion"),
    ErrorKind.AUTH: (
        "401", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidClientTokenId",
        "UnrecognizedClientException", "MissingAuthenticationToken", "AuthorizationHeaderMalformed", "ExpiredToken",
        "ExpiredTokenException", "TokenRefreshRequired", "InvalidIdentityToken",
    ),
    ErrorKind.PERMISSION: (
        "403", "AccessDenied", "AccessDeniedException", "AllAccessDisabled", "AccountProblem", "UnauthorizedOperation",
    ),
    ErrorKind.THROTTLED: (
        "429", "SlowDown", "Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded",
        "RequestThrottled", "TooManyRequestsException", "BandwidthLimitExceeded", "PriorRequestNotComplete",
        "RequestThrottledException", "ProvisionedThroughputExceededException",
    ),
    ErrorKind.CONFLICT: (
        "409", "412", "PreconditionFailed", "ConditionalRequestConflict", "OperationAborted", "BucketAlreadyExists",
        "BucketAlreadyOwnedByYou", "BucketNotEmpty",
    ),
    ErrorKind.TIMEOUT: ("RequestTimeout", "RequestTimeoutException"),
    ErrorKind.TRANSIENT: (
        "500", "502", "503", "504", "InternalError", "InternalFailure", "ServiceUnavailable", "RequestTimeTooSkewed",
        "RequestExpired",
    ),
}  # fmt: skip
_KIND_OF_CODE = {code: kind for kind, codes in _CODES.items() for code in codes}

_EXCEPTIONS = {
    ErrorKind.AUTH: (
        "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound",
        "TokenRetrievalError", "UnauthorizedSSOTokenError", "SSOTokenLoadError", "MetadataRetrievalError",
    ),
    ErrorKind.TIMEOUT: ("ConnectTimeoutError", "ReadTimeoutError", "CallDeadlineError"),
    ErrorKind.TRANSIENT: (
        "EndpointConnectionError", "ConnectionError", "ConnectionClosedError",
        "HTTPClientError", "ProxyConnectionError", "IncompleteReadError", "ResponseStreamingError",
        "S3UploadFailedError", "RetriesExceededError",
    ),
}  # fmt: skip
_KIND_OF_EXCEPTION = {name: kind for kind, names in _EXCEPTIONS.items() for name in names}

_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired")

_HINTS = {
    ErrorKind.AUTH: "Check the keys, profile or role of the connection {conn!r}",
    ErrorKind.PERMISSION: "Allow s3:{operation} (and s3:ListBucket, without which a missing key reads as forbidden) to "
    "the identity of the connection {conn!r}",
    ErrorKind.THROTTLED: "Spread the load over more key prefixes or time; it is retried",
}


def provider_error(
    error: Exception, *, operation: str, what: str = "", conn_id: str = "", service: str = "s3", renewable: bool = True
) -> ProviderError:
    """The error of the SDK as Penstock's.

    Args:
        error: Anything that botocore, boto3 or s3transfer raised.
        operation: The API operation, such as ``GetObject``.
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
    message = str(detail.get("Message") or error)
    hint = "Renew the session token" if expired else _HINTS.get(kind, "")
    return ProviderError(
        f"{what}: {message}" if what else message,
        service=service,
        operation=operation,
        kind=kind,
        code=code or type(error).__name__,
        http_status=status,
        request_id=str(meta.get("RequestId", "")),
        retryable=True if expired and renewable else None,
        hint=hint.format(operation=operation, conn=conn_id),
    )


def _kind(error: Exception, code: str, status: int | None) -> ErrorKind:
    for name in (code, str(status or "")):
        if name in _KIND_OF_CODE:
            return _KIND_OF_CODE[name]
    if status is not None:
        return ErrorKind.TRANSIENT if status >= 500 else ErrorKind.INVALID
    for cls in type(error).__mro__:
        if cls.__name__ in _KIND_OF_EXCEPTION:
            return _KIND_OF_EXCEPTION[cls.__name__]
    return ErrorKind.INVALID
