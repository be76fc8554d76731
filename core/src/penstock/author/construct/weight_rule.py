"""What becomes of a task's ``priority_weight``."""

from enum import StrEnum


class WeightRule(StrEnum):
    """What a task's ``priority_weight`` becomes when its DAG file is imported; names and meanings are Airflow's.

    Attributes:
        ABSOLUTE: It counts as it is written.
        DOWNSTREAM: The weights of all tasks downstream, near and far, are added: long branches begin first.
        UPSTREAM: Those of all tasks upstream are added: what was begun is finished first.
    """

    ABSOLUTE = "absolute"
    DOWNSTREAM = "downstream"
    UPSTREAM = "upstream"
