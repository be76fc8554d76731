"""What users and authors of providers test with: a DAG run in milliseconds, worlds that fail, a clock that jumps, a runtime made of dicts.

A user's test needs no more than::

    from penstock.testing import run_dag

    def test_the_report_is_written():
        result = run_dag(dag, variables={"region": "eu"}, connections={"db": "postgres://user@host/db"})
        assert result.state == "success"
        assert result.value("count_rows") == 3
"""

TYPE_CHECKING = False  # as in `penstock`

if TYPE_CHECKING:
    from penstock.testing.clock import FakeClock
    from penstock.testing.fake_runtime import FakeRuntime, runtime
    from penstock.testing.files import load_dags
    from penstock.testing.provider_suite import ProviderSuite
    from penstock.testing.run import DagResult, TaskResult, run_dag
    from penstock.testing.simulation.simulate import Simulated, SimulatedRun, SimulationFailedError, simulate
    from penstock.testing.suites.executor import ExecutorSuite
    from penstock.testing.suites.hook import HookSuite
    from penstock.testing.suites.log_store import LogStoreSuite
    from penstock.testing.suites.metrics_sink import MetricsSinkSuite
    from penstock.testing.suites.notifier import NotifierSuite
    from penstock.testing.suites.object_store import ObjectStoreSuite
    from penstock.testing.suites.remote.remote_executor import RemoteExecutorSuite
    from penstock.testing.suites.secrets_backend import SecretsBackendSuite
    from penstock.testing.suites.service import ServiceSuite
    from penstock.testing.suites.task import OperatorSuite, SensorSuite
    from penstock.testing.suites.timetable import TimetableSuite

__all__ = [
    "DagResult",
    "ExecutorSuite",
    "FakeClock",
    "FakeRuntime",
    "HookSuite",
    "LogStoreSuite",
    "MetricsSinkSuite",
    "NotifierSuite",
    "ObjectStoreSuite",
    "OperatorSuite",
    "ProviderSuite",
    "RemoteExecutorSuite",
    "SecretsBackendSuite",
    "SensorSuite",
    "ServiceSuite",
    "Simulated",
    "SimulatedRun",
    "SimulationFailedError",
    "TaskResult",
    "TimetableSuite",
    "load_dags",
    "run_dag",
    "runtime",
    "simulate",
]

_HOMES = {
    "FakeClock": "clock",
    "load_dags": "files",
    "DagResult": "run",
    "TaskResult": "run",
    "run_dag": "run",
    "FakeRuntime": "fake_runtime",
    "runtime": "fake_runtime",
    "simulate": "simulation.simulate",
    "Simulated": "simulation.simulate",
    "SimulatedRun": "simulation.simulate",
    "SimulationFailedError": "simulation.simulate",
    "ProviderSuite": "provider_suite",
    "ExecutorSuite": "suites.executor",
    "RemoteExecutorSuite": "suites.remote.remote_executor",
    "HookSuite": "suites.hook",
    "LogStoreSuite": "suites.log_store",
    "MetricsSinkSuite": "suites.metrics_sink",
    "NotifierSuite": "suites.notifier",
    "SecretsBackendSuite": "suites.secrets_backend",
    "ServiceSuite": "suites.service",
    "TimetableSuite": "suites.timetable",
    "ObjectStoreSuite": "suites.object_store",
    "OperatorSuite": "suites.task",
    "SensorSuite": "suites.task",
}


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import a public name on first use (PEP 562): pytest loads this package in every session."""
        if name not in _HOMES:
            raise AttributeError(f"module 'penstock.testing' has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415 - what is not used costs nothing

        return getattr(import_module(f"penstock.testing.{_HOMES[name]}"), name)
