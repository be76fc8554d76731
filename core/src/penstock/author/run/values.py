"""Values of other tasks as a try gets them: plain JSON, or a reference that is followed where the task runs."""

from typing import Any

from penstock.author.runtime import Runtime
from penstock.errors import ErrorKind, FailTask, ProviderError
from penstock.model.values.value import Reference, decode, elements, from_plain, gathered, reference_in


def resolve_value(plain: Any, runtime: Runtime, name: str) -> Any:  # noqa: ANN401 - any value
    """Convert a plain form to the value; what lies in an object store is read now, each object once.

    Args:
        plain: JSON's own types, as `penstock.model.values.value.to_plain` makes them: a value, a reference, or the list of
            what the instances of a mapped task left, references among them.
        runtime: Opens the object store.
        name: What the value is, for the message if it is gone.

    Raises:
        FailTask: What a reference names is not there any more, or the class of a value cannot be had here.
        ProviderError: The object store could not be asked.
    """
    try:
        if isinstance(plain, list):
            return [_follow_reference(each, runtime) for each in plain]
        return _follow_reference(plain, runtime)
    except FailTask as error:
        raise FailTask(f"{name}: {error}") from None


def _follow_reference(plain: Any, runtime: Runtime) -> Any:  # noqa: ANN401 - any value
    reference = reference_in(plain)
    if reference is None:
        return from_plain(plain, typed=True)
    if reference.index is not None:
        return decode(elements(_read(reference, reference.url, runtime))[reference.index], typed=True)
    parts = [decode(_read(reference, url, runtime), typed=True) for url in reference.urls()]
    return gathered(reference, parts)


def _read(reference: Reference, url: str, runtime: Runtime) -> bytes:
    try:
        data: bytes = runtime.object_store(url, reference.conn_id or None).read(url)
    except ProviderError as error:
        if error.kind is not ErrorKind.NOT_FOUND:
            raise
        raise FailTask(
            f"it was put at {url}, because it is large, and is not there any more. "
            "Clear the task that left it, and it is made again."
        ) from None
    return data
