"""What `penstock doctor` finds, one part of an installation after the other."""

import os
import shutil
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from penstock.app.parts.vault import open_vault
from penstock.errors import RequestError, StoreError
from penstock.keeper.status import ServiceState, ServiceStatus, StatusFiles
from penstock.load.snapshot import Snapshots
from penstock.logs.shipping_report import ShippingReport
from penstock.metrics.sink_faults import SinkFaults
from penstock.model.access.permission import Role
from penstock.model.access.principal import Principal, everywhere
from penstock.model.changes import Changes, DagCursor
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.history.audit import AuditAction, AuditEntry
from penstock.model.history.quarantine import Quarantined, QuarantineKind
from penstock.model.request import DagChanged
from penstock.model.run import TaskInstance
from penstock.model.state import RunState, TaskState
from penstock.plugins.sources import PluginSources
from penstock.scheduler.capacity_file import CapacityFile
from penstock.scheduler.executor_faults import ExecutorFaults
from penstock.scheduler.fenced import FencedExecutor
from penstock.service.access.users import add_user
from penstock.service.choices.services import list_services
from penstock.service.choices.task_bounds import why_unheld
from penstock.service.dags import trigger
from penstock.service.doctor.finding import Severity
from penstock.service.execution.log_folder import LogFolder
from penstock.service.health import check_installation
from penstock.service.history.quarantine import drop_quarantined, list_quarantine, retry_quarantined
from penstock.service.tasks import why
from penstock.settings import BackendChoice, ExecutorChoice, RetentionSettings, ServiceChoice
from penstock.settings.core import CoreSettings
from penstock.settings.logs import LogSettings
from penstock.settings.metrics import SinkChoice
from penstock.spec.archives.listed_archives import LIST
from penstock.testing import FakeClock
from penstock_testkit.disk import small_disk


@pytest.fixture
def found(installation):
    """A function that checks the installation; what was found by subject."""

    def check():
        return {each.subject: each for each in check_installation(installation)}

    installation.settings.state_folder.mkdir()
    installation.settings.dags_folder.mkdir()
    (installation.settings.state_folder / "penstock.db").touch()
    return check


def test_a_sound_installation_has_no_bad_finding(found):
    assert [each for each in found().values() if each.severity is Severity.BAD] == []
    assert found()["scheduler"].severity is Severity.NOTE


def test_a_missing_folder_is_bad_and_the_rest_is_looked_at(found, installation):
    installation.settings.dags_folder.rmdir()
    assert found()["DAGs folder"].severity is Severity.BAD
    assert found()["database"].severity is Severity.OK


def test_the_disk_of_the_logs_is_looked_at_if_it_is_another_one(found, installation):
    logs = installation.settings.state_folder / "logs"
    logs.mkdir()
    assert "logs folder" not in found()
    logs.rmdir()
    logs.touch()
    assert found()["logs folder"] == (Severity.BAD, "logs folder", f"{logs} is no folder: tries leave no logs.")
    own = logs.stat().st_dev  # what tests write may lie in memory
    other = next(each for each in ("/dev/shm", "/") if Path(each).stat().st_dev != own)
    installation._settings = msgspec.structs.replace(installation.settings, core=CoreSettings(logs_folder=other))
    assert found()["logs folder"].detail.startswith(f"{other}, ")


def test_a_disk_that_is_too_full_for_logs_is_bad(found, installation, tmp_path):
    (tmp_path / "logs").mkdir()
    core = CoreSettings(logs_folder=str(tmp_path / "logs"))
    installation._settings = msgspec.structs.replace(installation.settings, core=core)
    with small_disk(tmp_path / "logs", 16 << 20) as disk:
        assert "logs of tries" not in found()
        disk.leave(1 << 20)
        assert found()["logs of tries"].severity is Severity.BAD
        assert (
            "nothing is kept until 2 MB of their disk are free: [logs] least_free_mb" in found()["logs of tries"].detail
        )


def test_a_disk_that_has_room_for_hardly_a_file_more_is_full(found, installation):
    place = installation.settings.state_folder
    with small_disk(place, 1 << 30, files=40_000):
        made = [place / f"f{number}" for number in range(os.statvfs(place).f_favail - 900)]
        for file in made:
            os.mknod(file)
        full = found()["state folder"]
        for file in made[:200]:
            file.unlink()
        scarce = found()["state folder"]
        for file in made[200:500]:
            file.unlink()
        roomy = found()["state folder"]
    assert [each.severity for each in (full, scarce, roomy)] == [Severity.BAD, Severity.NOTE, Severity.OK]
    assert "1,024 MB free; of its 40,000 places for files (inodes) 900 are free" in full.detail
    assert roomy.detail.endswith("1,024 MB free")


def test_tasks_that_nothing_holds_to_what_they_ask_for_are_told(found, installation, store, save, tmp_path):
    asking = TaskSpec("sort", memory_bytes=1 << 30)
    save(store, [DagSpec("large", "sales.py", (asking, TaskSpec("plain")))])
    (tmp_path / "cgroup").write_text("")
    (tmp_path / "mountinfo").write_text("")
    assert why_unheld(installation, tmp_path) == ""
    run = msgspec.structs.replace(trigger(installation, "large").run, state=RunState.RUNNING)
    rows = [TaskInstance(run.run, each, -1, TaskState.SCHEDULED) for each in ("sort", "plain")]
    store.apply(Changes(runs=[run], tasks=rows), installation.now())
    assert why_unheld(installation, tmp_path) == (
        "of live runs, 1 task, such as large.sort: it asks for memory or processors, and tries on this machine are not held to that: "
        "this machine has no control groups that bound memory"
    )
    assert "resources" not in found()  # as root


def test_an_executor_that_no_provider_offers_is_bad(found, installation):
    executors = {"batch": ExecutorChoice("acme.batch")}
    installation._settings = msgspec.structs.replace(installation.settings, executors=executors)
    assert found()["executor batch"].severity is Severity.BAD
    assert "plugin-manager install acme" in found()["executor batch"].detail
    assert found()["providers"].severity is Severity.OK


def test_an_executor_that_does_not_take_its_options_is_bad(found, installation, tmp_path):
    (tmp_path / "batches.py").write_text(
        "from penstock.spec.plugin import Capability, hookimpl\ndef batch(context): ...\n@hookimpl\n"
        "def penstock_executors():\n    return [Capability('executors', 'batches.batch', batch, 'A batch system.')]\n"
    )
    installation.host = PluginSources(modules=("batches",), folder=str(tmp_path)).host(())
    executors = {"far": ExecutorChoice("batches.batch", {"slots": 3})}
    installation._settings = msgspec.structs.replace(installation.settings, executors=executors)
    assert found()["executor far"].severity is Severity.BAD
    assert found()["executor far"].detail.startswith("[executors.far]: batches.batch takes no argument 'slots'")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"server": "http://127.0.0.1:8080", "slots": 3, "broker": "redis://b"},
            "pools.pool, holds 0 tries, tasks that wait: 0",
        ),
        ({"slots": "many", "broker": "redis://b"}, "[executors.far]: slots"),
        ({"slots": 3, "brocker": "redis://b"}, "[executors.far]: pools.pool takes no argument 'brocker'"),
    ],
)
def test_the_options_that_every_remote_executor_has_are_known(found, installation, tmp_path, options, told):
    (tmp_path / "pools.py").write_text(
        "from penstock.spec.plugin import Capability, Parameter, hookimpl\nfrom penstock.spec.remote import RemoteExecutor\n"
        "class Pool(RemoteExecutor): ...\n@hookimpl\ndef penstock_executors():\n"
        "    broker = Parameter('broker', 'str', 'A URL.', default='')\n"
        "    return [Capability('executors', 'pools.pool', Pool, 'A pool.', parameters=(broker,))]\n"
    )
    installation.host = PluginSources(modules=("pools",), folder=str(tmp_path)).host(())
    executors = {"far": ExecutorChoice("pools.pool", options)}
    installation._settings = msgspec.structs.replace(installation.settings, executors=executors)
    assert found()["executor far"].detail.startswith(told)


def test_a_secrets_backend_that_is_away_refused_or_of_another_kind_is_bad(found, installation, tmp_path):
    (tmp_path / "vaults.py").write_text(
        "from penstock.spec.plugin import Capability, hookimpl\nclass Vault:\n"
        "    def connection(self, conn_id): raise TimeoutError('no answer')\n"
        "    connection_ids = variable = variable_keys = lambda self, *given: None\n"
        "@hookimpl\ndef penstock_secrets_backends():\n"
        "    return [Capability('secrets_backends', 'vaults.acme', Vault, 'A vault.')]\n"
        "@hookimpl\ndef penstock_executors():\n    return [Capability('executors', 'vaults.far', Vault, 'Far.')]\n"
    )
    backends = {
        "away": BackendChoice("vaults.acme"),
        "odd": BackendChoice("vaults.acme", {"pin": 3}),
        "far": BackendChoice("vaults.far"),
        "none": BackendChoice("acme.vault"),
    }
    settings = installation.settings
    plugins = msgspec.structs.replace(settings.plugins, modules=("vaults",))
    installation._settings = msgspec.structs.replace(
        settings, root=tmp_path, plugins=plugins, secrets_backends=backends
    )
    installation.host = PluginSources(modules=("vaults",), folder=str(tmp_path)).host(())
    with closing(open_vault(installation.settings, None)) as installation.vault:
        told = {name: found()[f"secrets {name}"] for name in backends}
    assert {each.severity for each in told.values()} == {Severity.BAD}
    assert told["away"].detail == "vaults.acme: TimeoutError: no answer"
    assert told["odd"].detail.startswith("[secrets.odd]: vaults.acme takes no argument 'pin'")
    assert (
        "vaults.far is one of the executors of its provider; it must be one of secrets backends" in told["far"].detail
    )
    assert "plugin-manager install acme" in told["none"].detail


def test_a_service_is_told_as_its_keeper_said_last(found, installation, tmp_path):
    (tmp_path / "webs.py").write_text(
        "from penstock.spec.plugin import Capability, hookimpl\nclass Web:\n    def run(self, context): ...\n"
        "@hookimpl\ndef penstock_services():\n    return [Capability('services', 'webs.web', Web, 'A page.')]\n"
    )
    chosen = {"well": ServiceChoice("webs.web"), "ill": ServiceChoice("webs.web"), "gone": ServiceChoice("acme.web")}
    installation._settings = msgspec.structs.replace(installation.settings, services=chosen)
    installation.host = PluginSources(modules=("webs",), folder=str(tmp_path)).host(())
    assert {found()[f"service {name}"].severity for name in ("well", "ill")} == {Severity.NOTE}
    files = StatusFiles(installation.settings.state_folder)
    lock = files.hold(-1)
    files.write(ServiceStatus("well", ServiceState.RUNNING, "on port 80"))
    files.write(ServiceStatus("ill", ServiceState.WAITING, last_end="was killed"))
    told = found()
    files.write(ServiceStatus("well", ServiceState.RUNNING, "an admin is made at http://here/welcome#secret"))
    ends = [
        list_services(installation.seen_by(Principal("ann", (everywhere(role),))))[0].detail.partition("#")[2]
        for role in (Role.VIEWER, Role.EDITOR, Role.ADMIN)
    ]
    os.close(lock)
    assert ends == ["...", "...", "secret"], "who sees the secret of a link becomes an admin by it"
    assert told["service well"] == (Severity.OK, "service well", "webs.web is running: on port 80")
    assert told["service ill"].severity is Severity.BAD
    assert told["service ill"].detail.startswith("webs.web is waiting: was killed. See ")
    assert "plugin-manager install acme" in list_services(installation)[2].problems[0]


def test_a_service_that_refuses_what_it_is_made_with_is_bad_before_it_is_started(found, installation, tmp_path):
    (tmp_path / "doors.py").write_text(
        "from penstock.errors import ConfigError\nfrom penstock.spec.plugin import Capability, Parameter, hookimpl\nclass Door:\n"
        "    def __init__(self, *, port=0):\n        if port < 0: raise ConfigError(f'port = {port} cannot be')\n"
        "    def run(self, context): ...\n"
        "@hookimpl\ndef penstock_services():\n    port = (Parameter('port', 'int', 'Where.', default=0),)\n"
        "    return [Capability('services', 'doors.door', Door, 'A.', installation=True, parameters=port)]\n"
    )
    chosen = {name: ServiceChoice("doors.door", {"port": port}) for name, port in (("open", 1), ("odd", -1))}
    installation._settings = msgspec.structs.replace(installation.settings, services=chosen)
    installation.host = PluginSources(modules=("doors",), folder=str(tmp_path)).host(())
    told = [each for each in check_installation(installation) if each.subject.startswith("service ")]
    assert [(each.severity, each.subject, each.detail) for each in told if each.severity is Severity.BAD] == [
        (Severity.BAD, "service odd", "[services.odd]: port = -1 cannot be")
    ]


def test_a_service_that_is_always_kept_has_a_name_and_a_table_may_switch_it_off(installation, tmp_path, monkeypatch):
    (tmp_path / "webs.py").write_text(
        "from penstock.spec.plugin import Capability, hookimpl\nclass Web:\n    def run(self, context): ...\n"
        "@hookimpl\ndef penstock_services():\n"
        "    return [Capability('services', 'webs.web', Web, 'A page.', always=True, installation=True),\n"
        "            Capability('services', 'webs.other', Web, 'A page.', always=True),\n"
        "            Capability('services', 'webs.named', Web, 'A page.')]\n"
    )
    installation.host = PluginSources(modules=("webs",), folder=str(tmp_path)).host(())

    def listed(**chosen):
        installation._settings = msgspec.structs.replace(installation.settings, services=chosen)
        return {each.name: (each.type, each.state, each.problems) for each in list_services(installation)}

    assert listed() == {"web": ("webs.web", "down", ()), "other": ("webs.other", "down", ())}
    assert listed(web=ServiceChoice("webs.named"), mine=ServiceChoice("webs.other", enabled=False)) == {
        "web": ("webs.named", "down", ()),
        "mine": ("webs.other", "off", ()),
        "webs_web": ("webs.web", "down", ()),
    }
    monkeypatch.setattr(sys, "prefix", str(tmp_path))  # where isolated providers are named
    installation.settings.isolated_file.write_text('{"webs": "/there/bin/python"}')
    apart = listed()
    (problem,) = apart["web"][2]
    assert problem.startswith(
        "webs.web is given the whole installation, which a provider in an environment of its own cannot have"
    )
    assert apart["other"][2] == ()


def test_what_an_executor_of_a_provider_does_wrong_is_bad_until_the_next_scheduler(found, installation, tmp_path):
    (tmp_path / "faulty.py").write_text(
        "from penstock.spec.plugin import Capability, hookimpl\nclass Broken:\n    def __init__(self, context): pass\n"
        "    recover = capacity = fileno = submit = cancel = reply = events = stop = lambda self, *given: 0\n"
        "    def start(self): raise OSError('no\\x1b[2J queue')\n@hookimpl\n"
        "def penstock_executors():\n    return [Capability('executors', 'faulty.batch', Broken, 'A batch system.')]\n"
    )
    installation.host = PluginSources(modules=("faulty",), folder=str(tmp_path)).host(())
    executors = {"far": ExecutorChoice("faulty.batch")}
    installation._settings = msgspec.structs.replace(installation.settings, executors=executors)
    assert found()["executor far"].severity is Severity.OK
    faults = ExecutorFaults(installation.settings.state_folder, "far")
    fenced = FencedExecutor(installation.host.resolve("faulty.batch")(None), "far", installation.now, keep=faults.add)
    fenced.start()
    fenced.stop(0)
    assert found()["executor far"].severity is Severity.BAD
    assert "it cannot be started: OSError: no\\x1b[2J queue" in found()["executor far"].detail
    faults.clear()
    assert found()["executor far"].severity is Severity.OK


def remote(installation, folder):
    """An executor named far, whose workers are started by somebody else."""
    (folder / "far_pools.py").write_text(
        "from penstock.spec.plugin import Capability, hookimpl\nfrom penstock.spec.remote import RemoteExecutor\n"
        "class Pool(RemoteExecutor): ...\n@hookimpl\ndef penstock_executors():\n"
        "    return [Capability('executors', 'far_pools.pool', Pool, 'A pool.')]\n"
    )
    installation.host = PluginSources(modules=("far_pools",), folder=str(folder)).host(())
    chosen = {"far": ExecutorChoice("far_pools.pool", {"server": "http://127.0.0.1:8080"})}
    installation._settings = msgspec.structs.replace(installation.settings, executors=chosen, queues={"far": "far"})


def test_what_a_remote_executor_could_not_do_is_bad_until_it_has_done_it(found, installation, tmp_path):
    remote(installation, tmp_path)
    faults = ExecutorFaults(installation.settings.state_folder, "far")
    for line in (
        "start() raised OSError: no door", "start() raised OSError: no house", "look() has not returned since noon: wait",
        "look() raised OSError: late", "look() has returned after 40 s", "start() has succeeded after it had failed",
    ):  # fmt: skip
        faults.add(line)
    here = [(each.severity, each.detail) for each in check_installation(installation) if "executor far" in each.subject]
    assert here == [
        (Severity.NOTE, "it is over that look() has not returned since noon: wait"),
        (Severity.NOTE, "it is over that start() raised OSError: no door"),
        (Severity.NOTE, "it is over that start() raised OSError: no house"),
        (Severity.BAD, "since its scheduler started: look() raised OSError: late"),
    ]
    faults.add("look() has succeeded after it had failed")
    assert found()["executor far"].severity is Severity.OK


def test_that_workers_of_other_machines_have_no_store_for_large_values_is_noted(found, installation, tmp_path):
    assert "large values" not in found()
    remote(installation, tmp_path)
    assert found()["large values"].severity is Severity.NOTE
    assert "[xcom] names no store that tasks of far reach" in found()["large values"].detail
    xcom = msgspec.structs.replace(installation.settings.xcom, store="s3://values/xcom")
    installation._settings = msgspec.structs.replace(installation.settings, xcom=xcom)
    assert "large values" not in found()


def test_an_executor_whose_workers_take_nothing_while_tasks_wait_is_noted(found, installation, store, save, tmp_path):
    remote(installation, tmp_path)
    capacity = CapacityFile(installation.settings.state_folder, "far")
    capacity.write(0)
    assert (found()["executor far"].severity, "see `penstock workers list`" in found()["executor far"].detail) == (
        Severity.OK, True,
    )  # fmt: skip
    save(store, [DagSpec("there", "sales.py", (TaskSpec("sort", queue="far"),))])
    run = msgspec.structs.replace(trigger(installation, "there").run, state=RunState.RUNNING)
    store.apply(Changes(runs=[run], tasks=[TaskInstance(run.run, "sort", -1, TaskState.SCHEDULED)]), installation.now())
    assert found()["executor far"].severity is Severity.NOTE
    assert "tasks that wait: 1; none of its workers takes tries: see `penstock workers list`" in (
        found()["executor far"].detail
    )
    capacity.write(2)
    assert found()["executor far"].severity is Severity.OK


def test_a_database_file_that_was_deleted_is_bad_and_one_that_never_was_is_not(found, installation):
    file = installation.settings.state_folder / "penstock.db"
    file.unlink()
    assert found()["database"].severity is Severity.NOTE
    file.with_name("penstock.db.lock").touch()
    assert found()["database"].severity is Severity.BAD
    assert "was deleted" in found()["database"].detail
    assert not file.exists()


def test_what_is_in_quarantine_is_bad_and_why_says_so(found, installation, store, now):
    dag = Quarantined(QuarantineKind.DAG, "DAG 'stock'", "ValueError: no such minute", now, "stock")
    installation.store.quarantine.add(dag)
    assert found()["quarantine"].severity is Severity.BAD
    assert "ValueError: no such minute" in found()["quarantine"].detail
    trigger(installation, "stock", run_id="one")
    assert "is in quarantine: ValueError: no such minute" in why(installation, "stock", "count")[0].reason
    (listed,) = list_quarantine(installation).items
    with pytest.raises(RequestError, match="stays in quarantine"):
        drop_quarantined(installation, listed.number)
    assert retry_quarantined(installation, listed.number) == listed
    assert DagChanged("stock") in [request for _, request in store.requests.pending()]
    installation.store.quarantine.add(Quarantined(QuarantineKind.TRY, "a try", "too odd", now))
    (failed,) = list_quarantine(installation).items
    with pytest.raises(RequestError, match="a try: it has failed"):
        retry_quarantined(installation, failed.number)
    drop_quarantined(installation, failed.number)
    assert list_quarantine(installation).items == []


def test_a_fault_of_many_snapshots_is_told_once(found, installation):
    dags, state = installation.settings.dags_folder, installation.settings.state_folder
    made = []
    for name in ("a.py", "b.py", "c.py"):
        (dags / name).write_text(name)
        made.append(Snapshots(dags, state).take().path)
    (made[0] / "a.py").chmod(0o644)
    (made[0] / "a.py").write_text("changed in all, which share it")
    (detail,) = [each.detail for each in check_installation(installation) if each.subject == "snapshots"]
    assert detail.startswith(f"{min(made)} and 2 more are damaged: a.py in it was changed")


def test_a_fault_that_many_checks_meet_is_told_once_with_their_number(installation, monkeypatch):
    def refused(_create):
        raise StoreError("the database: no door.")

    installation.settings.state_folder.mkdir()
    (installation.settings.state_folder / "penstock.db").touch()
    monkeypatch.setattr(installation, "_open_store", refused)
    monkeypatch.delitem(vars(installation), "store", raising=False)
    (told,) = [each for each in check_installation(installation) if "no door" in each.detail]
    assert (told.severity, told.subject) == (Severity.BAD, "database")
    assert told.detail.startswith("10 checks fail (database, clock, pools, bottleneck, lag, executors, ")


def test_a_snapshot_that_was_written_into_is_bad_until_the_loader_mends_it_or_it_is_deleted(found, installation):
    dags, state = installation.settings.dags_folder, installation.settings.state_folder
    for name in ("a.py", "team/b.py"):
        (dags / name).parent.mkdir(exist_ok=True)
        (dags / name).write_text(name)
    (dags / "run.sh").touch(0o755)
    old = Snapshots(dags, state).take()
    (dags / "a.py").write_text("new")
    new = Snapshots(dags, state).take()
    assert "snapshots" not in found()
    (new.path / "team" / "b.py").chmod(0o644)
    (new.path / "team" / "b.py").write_text("changed in both")
    (old.path / "run.sh").unlink()
    damaged = [each.detail for each in check_installation(installation) if each.subject == "snapshots"]
    assert {(detail.split(" is damaged: ")[0], detail.split(": ")[1].split(" in it")[0]) for detail in damaged} == {
        (str(old.path), "run.sh, team/b.py"),
        (str(new.path), "team/b.py"),
    }
    Snapshots(dags, state).take()
    assert str(old.path) in found()["snapshots"].detail
    (old.path / LIST).chmod(0o644)
    (old.path / LIST).write_text("../../etc")
    assert "its list of files was changed" in found()["snapshots"].detail
    shutil.rmtree(old.path)
    assert "snapshots" not in found()


def test_a_log_store_is_looked_at_if_the_settings_name_one(found, installation, tmp_path):
    assert "log store" not in found()

    def store(url):
        installation._settings = msgspec.structs.replace(installation.settings, logs=LogSettings(url))
        return found()["log store"]

    missing = store("box://logs")
    assert (missing.severity, "The URL scheme 'box'" in missing.detail) == (Severity.BAD, True)
    url = (tmp_path / "kept").as_uri()
    assert store(url).severity is Severity.NOTE
    state, since = installation.settings.state_folder, installation.now()
    ShippingReport(url, "logs", "no\x1b[2J door", since, 30, 40).keep(state)
    assert store(url) == (
        Severity.BAD,
        "log store",
        f"{url} takes no logs since 2026-03-01 12:30:00 UTC: no\\x1b[2J door; 30 MB of 40 MB on this machine are not shipped",
    )
    ShippingReport(url, "logs", local_mb=40).keep(state)
    assert store(url) == (Severity.OK, "log store", f"{url}, 0 MB of 40 MB on this machine are not shipped")


def test_a_metrics_sink_is_looked_at_if_the_settings_name_one(found, installation, tmp_path):
    (tmp_path / "ours.py").write_text(
        "from penstock.spec.plugin import Capability, hookimpl\nclass Sink:\n    def write(self, points, at): ...\n@hookimpl\n"
        "def penstock_metrics_sinks():\n    return [Capability('metrics_sinks', 'ours.sink', Sink, 'A sink.')]\n"
    )
    installation.host = PluginSources(modules=("ours",), folder=str(tmp_path)).host(())
    sinks = {
        "good": SinkChoice("ours.sink", {}),
        "odd": SinkChoice("ours.sink", {"port": 1}),
        "gone": SinkChoice("acme.sink", {}),
    }
    sinks["scraped"] = SinkChoice("prometheus")
    installation._settings = msgspec.structs.replace(installation.settings, metrics_sinks=sinks)
    looked = found()
    assert looked["metrics good"] == (Severity.OK, "metrics good", "ours.sink")
    assert looked["metrics scraped"] == (Severity.OK, "metrics scraped", "prometheus")
    assert looked["metrics odd"].detail.startswith("[metrics.odd]: ours.sink takes no argument 'port'")
    assert "plugin-manager install acme" in looked["metrics gone"].detail
    faults = SinkFaults(installation.settings.state_folder, lambda _: None)
    faults.add("good", "OSError: no\x1b[2J door", installation.now())
    assert found()["metrics good"] == (
        Severity.BAD, "metrics good", "1 failure since 2026-03-01 12:30:00 UTC: OSError: no\\x1b[2J door",
    )  # fmt: skip


def test_servers_that_keep_the_logs_of_one_try_in_two_folders_are_told_and_so_is_a_reader_without_them(
    found, installation, tmp_path
):
    ours, theirs = installation.settings.logs_folder, tmp_path / "elsewhere"
    LogFolder(installation.store, ours).note(installation.now())
    LogFolder(installation.store, ours).note(installation.now())  # a second server with the same folder
    assert "logs of workers" not in found()
    LogFolder(installation.store, theirs).note(installation.now())
    split = found()["logs of workers"]
    assert split.severity is Severity.BAD
    assert f"{ours} on " in split.detail
    assert f"{theirs} on " in split.detail
    assert "may be split" in split.detail
    installation.clock.advance(1200.0)
    assert "logs of workers" not in found(), "both are of the past"
    LogFolder(installation.store, theirs).note(installation.now())
    assert f"and not into {ours} of this machine" in found()["logs of workers"].detail


def test_a_clock_that_was_ahead_or_is_behind_is_told_with_figures_and_what_to_do(installation, found, clock, store):
    assert "clock" not in found()
    ahead = clock.now() + timedelta(days=3653)
    store.apply(Changes(cursors=[DagCursor("sales", ahead)]), clock.now())
    with store.transaction() as tx:
        tx.audit(AuditEntry(ahead, AuditAction.PAUSE, "sales"))
    told = found()
    assert told["clock"].severity is Severity.BAD
    assert "3,653 days later" in told["clock"].detail
    assert "runs of 'sales' were made for times to come" in told["schedules"].detail
    assert "penstock dags unpause" in told["schedules that stand still"].detail


def test_a_clock_that_is_ahead_of_what_is_old_is_told_before_anything_is_deleted(installation, found, clock):
    add_user(installation, "ada")
    installation.clock = FakeClock(clock.now() + timedelta(days=3653))
    settings = msgspec.structs.replace(installation.settings, retention=RetentionSettings(runs_days=30))
    installation.settings = settings
    assert "for 3,653 days. If the clock was set ahead by mistake" in found()["retention"].detail
