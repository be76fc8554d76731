"""What people do with the service from the command line: ``penstock sample NAME``."""

from penstock_sample.hooks import SampleHook


def list_items(
    *,
    prefix: str = "",
    sample_conn_id: str = "sample_default",
) -> int:
    """Print names and sizes of items.

    Args:
        prefix: What their names begin with.
        sample_conn_id: The connection.
    """
    found = list(SampleHook(sample_conn_id).list(prefix))
    for each in found:
        print(f"{each.size:>12} {each.name}")  # noqa: T201
    return 0 if found else 1
