"""What Airflow has and Penstock has not or calls otherwise, with what to write instead."""

_DATES = "Dates belong to the DAG: DAG(start_date=..., end_date=...)."
_LEAVE_OUT = "Leave it out: "
_LISTEN = "Let a task with trigger_rule='one_failed' or 'all_done' at the end tell, or a provider's listener."
_MAIL = "Put an EmailOperator with trigger_rule='one_failed' at the end."
_NO_PAST = "Runs do not look at earlier runs; max_active_runs=1 of the DAG lets them run one after the other."

# By the name of the argument: what its author should do.
ARGUMENT_ADVICE = {
    "concurrency": "Its name is max_active_tasks.",
    "dag_concurrency": "Its name is max_active_tasks.",
    "dagrun_timeout": "There is no limit for a whole run; give its tasks an execution_timeout.",
    "default_view": _LEAVE_OUT + "it is about Airflow's pages.",
    "deferrable": _LEAVE_OUT + "no waiting task holds a slot.",
    "depends_on_past": _NO_PAST,
    "email": _MAIL,
    "email_on_failure": _MAIL,
    "email_on_retry": _MAIL,
    "end_date": _DATES,
    "inlets": "There are no assets; join DAGs by TriggerDagRunOperator.",
    "on_execute_callback": _LISTEN,
    "on_failure_callback": _LISTEN,
    "on_retry_callback": _LISTEN,
    "on_skipped_callback": _LISTEN,
    "on_success_callback": _LISTEN,
    "orientation": _LEAVE_OUT + "it is about Airflow's pages.",
    "outlets": "There are no assets; join DAGs by TriggerDagRunOperator.",
    "provide_context": _LEAVE_OUT + "a function gets the names of the context that it has as arguments.",
    "render_template_as_native_obj": "Templates give text; pass a value of another task as an argument to keep its type.",
    "schedule_interval": "Its name is schedule.",
    "sla": "There are no SLAs; execution_timeout ends what takes too long.",
    "sla_miss_callback": "There are no SLAs; execution_timeout ends what takes too long.",
    "timetable": "Its name is schedule.",
    "start_date": _DATES,
    "wait_for_downstream": _NO_PAST,
    "weight_rule": _LEAVE_OUT + "priority_weight counts as it is written.",
}
IMPORT_ADVICE = (
    "this is not Airflow. Authoring names come from `penstock`, such as `from penstock import DAG, task, BashOperator`; "
    "those of services come with providers: plugin-manager search WORD"
)
