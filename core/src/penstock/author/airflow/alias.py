"""Names that Airflow has: those that can be imported from `penstock` as well, and what there is in place of others."""

ALIASES = {
    "AirflowException": "PenstockError",
    "AirflowFailException": "FailTask",
    "AirflowSkipException": "SkipTask",
    "BaseHook": "Hook",
    "BaseOperator": "Operator",
    "BaseSensorOperator": "Sensor",
    "Dataset": "Asset",
    "DatasetAlias": "AssetAlias",
    "DatasetAll": "AssetAll",
    "DatasetAny": "AssetAny",
    "DatasetOrTimeSchedule": "AssetOrTimeSchedule",
    "CronDataIntervalTimetable": "CronInterval",
    "CronTriggerTimetable": "CronTrigger",
    "DeltaDataIntervalTimetable": "Interval",
    "DummyOperator": "EmptyOperator",
    "EventsTimetable": "Dates",
}
"""Airflow's name of a thing and ours; both can be imported from `penstock`."""

HOMES = {
    "AirflowPlugin": "author.airflow.airflow_plugin",
    "AssetAccessControl": "author.assets.asset",
    "AssetWatcher": "author.assets.file_watcher",
    "DagRunInfo": "author.timetable.run_info",
    "DataInterval": "model.schedule",
    "DirectoryFileDeleteTrigger": "author.assets.file_watcher",
    "FileDeleteTrigger": "author.assets.file_watcher",
    "PokeReturnValue": "author.sensor",
    "PriorityWeightStrategy": "author.construct.weight_strategy",
    "TimeRestriction": "author.timetable.run_info",
}
"""Names of Airflow's that have a class of their own here, as they take other arguments than ours: where it is."""

_NO_DATABASE = "user code never reaches the database"
REMEDIES = {
    "DagRun": "the context has dag_run",
    "DateTimeSensor": "write a PythonSensor, or TimeSensor for a time of the day",
    "DateTimeSensorAsync": "write a PythonSensor, or TimeSensor for a time of the day",
    "MultipleCronTriggerTimetable": "write CronTrigger([...])",
    "ObjectStoragePath": "providers have operators for their stores",
    "SubDagOperator": "write a TaskGroup",
    "TaskInstance": "the context has ti",
    "conf": "settings are in penstock.toml, and values for tasks in Variables and params",
    "create_session": _NO_DATABASE,
    "provide_session": _NO_DATABASE,
}
"""What there is here in place of a name of Airflow's."""

_NO_SUCCESS = (
    "No name tells what became of earlier runs; prev_data_interval_start and its kin follow from the schedule."
)
CONTEXT_REMEDIES = {
    "dag_run_conf": "Write dag_run.conf, or conf.",
    "execution_date": "Its name is logical_date.",
    "next_execution_date": "Its name is next_logical_date.",
    "prev_data_interval_end_success": _NO_SUCCESS,
    "prev_data_interval_start_success": _NO_SUCCESS,
    "prev_execution_date": "Its name is prev_logical_date.",
    "prev_execution_date_success": _NO_SUCCESS,
    "prev_start_date_success": _NO_SUCCESS,
    "prev_end_date_success": _NO_SUCCESS,
    "test_mode": "Tasks do not know whether they are tested.",
    "tomorrow_ds_nodash": "Write macros.ds_add(ds, 1).replace('-', '').",
    "yesterday_ds_nodash": "Write macros.ds_add(ds, -1).replace('-', '').",
}
"""What there is here in place of a name of Airflow's context."""

_OWN_ENVIRONMENT = "Write @task.virtualenv for packages of its own, or a task that starts a container."
VARIANTS = {
    "agent": "Write a task that calls the service.",
    "docker": _OWN_ENVIRONMENT,
    "kubernetes": "Name a queue, and route it to an executor of a provider.",
}
"""What there is here in place of a variant of ``@task``."""
