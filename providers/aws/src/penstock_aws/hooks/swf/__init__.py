"""Amazon SWF: its hook, activity tasks that a worker holds, and the decisions that a workflow's history asks for."""

from penstock_aws.hooks.swf.activity_task import ActivityStoppedError, ActivityTask, Outcome, outcome_of
from penstock_aws.hooks.swf.decisions import decisions
from penstock_aws.hooks.swf.hook import (
    SwfHook,
    WorkflowEnd,
    WorkflowRun,
    attributes_of,
    read_data,
    type_of,
    write_data,
)
from penstock_aws.hooks.swf.steps import Step, read_steps

__all__ = [
    "ActivityStoppedError",
    "ActivityTask",
    "Outcome",
    "Step",
    "SwfHook",
    "WorkflowEnd",
    "WorkflowRun",
    "attributes_of",
    "decisions",
    "outcome_of",
    "read_data",
    "read_steps",
    "type_of",
    "write_data",
]
