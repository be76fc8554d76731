"""What a clear follows into another DAG."""

import msgspec


class MarkedTask(msgspec.Struct, frozen=True, omit_defaults=True):
    """A task of another DAG that is cleared with the task that marks it.

    Attributes:
        dag_id, task_id: The other task; may be templates, which its try has rendered.
        logical_date: That of the other run, as ISO 8601 text or a template; "" for the same.
        depth: How often a mark may lead on from there.
    """

    dag_id: str
    task_id: str
    logical_date: str = ""
    depth: int = 10
