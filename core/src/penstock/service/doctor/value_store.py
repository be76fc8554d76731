"""Whether large values of tasks lie where those find them that take them."""

from collections.abc import Iterator

from penstock.errors import PenstockError
from penstock.service.doctor.finding import Finding, Severity
from penstock.service.installation import Installation
from penstock.tries.remote.remote_options import is_remote


def check_value_store(installation: Installation) -> Iterator[Finding]:
    """Note that no store is named where tasks run on other machines: these see no folder of this one."""
    settings = installation.settings
    if settings.xcom.store:
        return
    far = [
        name for name, chosen in settings.executors.items() if chosen.provided and _is_far(installation, chosen.type)
    ]
    if far:
        detail = (
            f"[xcom] names no store that tasks of {', '.join(far)} reach: one that leaves a value of more than "
            f"{settings.xcom.kept_bytes:,} bytes fails, and so does one that takes such a value of a task of this machine. "
            'Name one, such as store = "s3://BUCKET/xcom".'
        )
        yield Finding(Severity.NOTE, "large values", detail)


def _is_far(installation: Installation, capability_id: str) -> bool:
    try:
        return is_remote(installation.host.resolve(capability_id, "executors"))
    except PenstockError:
        return False  # what is wrong with an executor is found where executors are looked at
