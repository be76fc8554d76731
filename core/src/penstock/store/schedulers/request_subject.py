"""What a request is about: the owner of that DAG alone reads it."""

import msgspec

from penstock.model.request import (
    BackfillRequested,
    DagChanged,
    PoolsChanged,
    ReportAssetEvent,
    Request,
    SetBackfill,
    TriggerDagRun,
    UnreadableRequest,
)


class RequestSubject(msgspec.Struct, frozen=True):
    """What a request is about: a DAG, a run or a backfill of one; none of these if it is about the whole installation."""

    dag_id: str = ""
    run: int | None = None
    backfill: int | None = None


def subject_of(request: Request | UnreadableRequest) -> RequestSubject:
    """What a request is about."""
    match request:
        case TriggerDagRun(dag_id=dag_id) | DagChanged(dag_id=dag_id):
            return RequestSubject(dag_id)
        case BackfillRequested(backfill=backfill) | SetBackfill(backfill=backfill):
            return RequestSubject(backfill=backfill)
        case PoolsChanged() | ReportAssetEvent() | UnreadableRequest():
            return RequestSubject()
        case _:
            return RequestSubject(run=request.run)
