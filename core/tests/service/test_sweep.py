"""What is deleted when it is old, on a clock that the test sets."""

import os
from datetime import UTC, datetime, timedelta
from shutil import copy2

import msgspec
import pytest

from penstock.app.parts.vault import open_vault
from penstock.author.runtime import current
from penstock.errors import ErrorKind, NotFoundError, ProviderError, RequestError
from penstock.logs.log_names import log_name
from penstock.model.backfills.backfill import BackfillSpec
from penstock.model.changes import Changes
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.history.audit import AskedBy, AuditAction, AuditEntry
from penstock.model.notice import RunStateChanged
from penstock.model.request import ClearTasks
from penstock.model.run import NewRun, RunKind, TaskInstance, TaskKey, Try, XCom
from penstock.model.schedule import Schedule, ScheduleKind
from penstock.model.source import ParsedFile
from penstock.model.state import RunState, TaskState
from penstock.plugins.file_store import FileStore
from penstock.plugins.object_logs import ObjectLogs
from penstock.service.installation import Installation
from penstock.service.retention.deletion import RunDeletion
from penstock.service.retention.prune import delete_runs, prune
from penstock.service.retention.sweep import EVENTS, FILES, RUNS, RetentionSweep
from penstock.settings import RetentionSettings, load_settings
from penstock.store import Keyring, LoaderCatalog, Store, new_key
from penstock.tries.paths import log_path, run_values

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Remote:
    """An object store that is reached with a connection; it may be away."""

    def __init__(self):
        self.objects, self.away = {}, False

    def list(self, prefix):
        assert current.get().connection("bucket").login == "me"
        if self.away:
            raise ProviderError("it is away", service="mem", operation="List", kind=ErrorKind.TRANSIENT)
        return iter([msgspec.defstruct("Info", ["url"])(url) for url in self.objects if url.startswith(prefix)])

    def delete(self, url):
        del self.objects[url]


class House:
    """An installation with runs, and its retention."""

    def __init__(self, folder, store, **environ):
        self.folder, self.store, self.instant, self.told, self.remote = folder, store, NOW, [], Remote()
        self.settings = load_settings({"PENSTOCK_CONN_BUCKET": "mem://me@", **environ}, folder)
        self.installation = Installation(
            self.settings,
            self,
            open_store=lambda _: store,
            find_plugins=lambda: self,
            open_vault=lambda store: open_vault(self.settings, store),
        )
        self.retention = RetentionSweep(self.installation, self.told.append)
        catalog = LoaderCatalog(store, store.config.variable_values, lambda: NOW)
        catalog.save(ParsedFile("f.py", "s", {}, {}, None, NOW, 0.1, (DagSpec("d", "f.py", (TaskSpec("t"),)),)))
        catalog.close()

    def now(self):
        """The clock of the installation."""
        return self.instant

    def object_store(self, url, _conn_id):
        """The object store as the host of plug-ins would open it."""
        return FileStore() if url.startswith("file:") else self.remote

    def log_store(self, url, _conn_id):
        """The log store as the host of plug-ins would open it."""
        return ObjectLogs(url, FileStore())

    def run(self, name, ended_days_ago):
        """A finished run, or a live one for None, with a log and a large value, both as old as the run."""
        [run] = self.store.apply(Changes(new_runs=[NewRun("d", name, RunKind.MANUAL, NOW, NOW, NOW)]), NOW)
        days = 500 if ended_days_ago is None else ended_days_ago
        ended = NOW - timedelta(days=days)
        state = RunState.RUNNING if ended_days_ago is None else RunState.SUCCESS
        done = msgspec.structs.replace(run, state=state, ended_at=None if ended_days_ago is None else ended)
        self.store.apply(Changes(runs=[done], xcoms=[XCom(run.run, "t", -1, "k", b"1")]), NOW)
        log = log_path(self.settings.logs_folder, "d", name, TaskKey(run.run, "t"), 1)
        log.parent.mkdir(parents=True)
        log.write_text("said\n")
        os.utime(log, (ended.timestamp(), ended.timestamp()))
        url = run_values(self.settings.values_url, run) + "t-1"
        if url.startswith("file:"):
            FileStore().write(url, b"value")
        else:
            self.remote.objects[url] = b"value"
        return log, url

    def sweep(self):
        """Everything that is due; the number of portions."""
        return len([*self.retention.portions()])

    def names(self):
        return {run.run_id for run in self.store.runs.page(limit=1000)}


@pytest.fixture
def house(tmp_path):
    with Store.open(f"sqlite:///{tmp_path}/penstock.db", Keyring([new_key()], "test")) as store:
        yield lambda **environ: House(tmp_path, store, **environ)


def test_nothing_goes_unless_the_settings_say_so(house):
    it = house()
    log, url = it.run("ancient", 10_000)
    assert it.sweep() == 0
    assert it.names() == {"ancient"}
    assert log.exists()
    assert FileStore().stat(url)


def test_old_runs_go_with_their_logs_and_values_and_live_and_young_ones_stay(house):
    it = house(PENSTOCK_RETENTION__RUNS_DAYS="30")
    gone, young, live = it.run("old", 31), it.run("young", 29), it.run("live", None)
    it.sweep()
    assert it.names() == {"young", "live"}
    for log, url in (young, live):
        assert (log.exists(), FileStore().stat(url) is not None) == (True, True)
    assert (gone[0].exists(), FileStore().stat(gone[1])) == (False, None)
    assert not gone[0].parent.parent.exists()
    assert it.store.check() == it.told == []


def test_a_person_deletes_at_once_what_is_old_and_counts_it_before(house):
    it = house(PENSTOCK_RETENTION__RUNS_DAYS="30")
    gone, young = it.run("old", 31), it.run("young", 29)
    with it.store.transaction() as tx:
        tx.audit(AuditEntry(NOW - timedelta(days=10), AuditAction.PAUSE, "d"))
    assert prune(it.installation, dry_run=True).runs == 1
    assert it.names() == {"old", "young"}
    assert prune(it.installation).runs == 1
    assert (it.names(), gone[0].exists(), young[0].exists()) == ({"young"}, False, True)
    assert prune(it.installation, runs_days=20, audit_days=9).runs == 1
    assert it.names() == set()
    asked = ["runs older than 20 days, audit older than 9 days", "runs older than 30 days"]
    assert [(each.action, each.subject) for each in it.store.audit.page()] == [
        (AuditAction.PRUNE, each) for each in asked
    ]
    with pytest.raises(RequestError, match="nothing is old"):
        prune(it.installation, runs_days=0)


@pytest.mark.parametrize("noted", [False, True], ids=["nothing since", "with what was done since"])
def test_a_clock_that_is_years_ahead_deletes_nothing_unless_somebody_says_that_it_is_right(house, noted):
    it = house(PENSTOCK_RETENTION__RUNS_DAYS="30", PENSTOCK_RETENTION__LOGS_DAYS="7")
    logs = [it.run(name, days)[0] for name, days in (("a", 3), ("b", 0))]
    it.instant += timedelta(days=3653)
    if noted:
        with it.store.transaction() as tx:
            tx.audit(AuditEntry(it.instant - timedelta(minutes=5), AuditAction.PAUSE, "d"))
    it.sweep()
    assert (it.names(), [log.exists() for log in logs]) == ({"a", "b"}, [True, True])
    [line] = it.told
    assert "the clock reads 2036-03-01 12:00:00Z, and nothing was stored between 2026-03-01 12:00:00Z" in line
    for dry_run in (True, False):
        with pytest.raises(RequestError, match=r"for 3,65\d days.*--clock-is-right"):
            prune(it.installation, dry_run=dry_run)
    it.instant -= timedelta(days=3653)
    assert prune(it.installation, dry_run=True).runs == 0, "the clock was set right"
    it.instant += timedelta(days=3653)
    assert prune(it.installation, clock_is_right=True).runs == 2


def month(number):
    return NOW + timedelta(days=30 * number)


def test_history_of_dags_that_run_twice_a_year_goes_by_itself_as_each_sweep_vouches_for_the_next(house):
    it = house(PENSTOCK_RETENTION__RUNS_DAYS="100")
    it.run("a", 0)
    for number in range(13):
        it.instant = month(number)
        it.sweep()
    assert (it.names(), it.told) == (set(), [])


def test_what_rested_for_half_a_year_asks_once_and_goes_on_then_as_before(house):
    it = house(PENSTOCK_RETENTION__RUNS_DAYS="100")
    it.sweep()
    it.run("a", 0)
    it.instant = month(6)
    it.sweep()
    it.instant = month(7)
    it.sweep()
    assert it.names() == {"a"}
    assert ["nothing was stored between 2026-03-01 12:00:00Z" in line for line in it.told] == [True, True]
    assert "--clock-is-right" in it.told[-1]
    assert prune(it.installation, runs_days=365, clock_is_right=True).runs == 0
    it.instant = month(8)
    it.sweep()
    assert (it.names(), len(it.told)) == (set(), 2)
    assert it.store.audit.page()[0].subject == "runs older than 365 days, the clock is right"


def test_what_rested_and_has_worked_for_a_month_since_is_believed_without_being_asked(house):
    it = house(PENSTOCK_RETENTION__RUNS_DAYS="20")
    it.sweep()
    it.run("a", 0)
    for day in (180, 200, 212):
        it.instant = NOW + timedelta(days=day)
        it.sweep()
        with it.store.transaction() as tx:
            tx.audit(AuditEntry(it.instant, AuditAction.PAUSE, "d"))
    assert (it.names(), len(it.told)) == (set(), 2)


@pytest.mark.parametrize("retention", ["365", "0"], ids=["kept for a year", "kept for ever"])
def test_a_clock_that_is_two_months_ahead_is_doubted_however_long_history_is_kept(house, retention):
    it = house(PENSTOCK_RETENTION__RUNS_DAYS=retention)
    it.store.outbox.register(["acme"])
    for days in range(330, -1, -30):
        with it.store.transaction() as tx:
            tx.audit(AuditEntry(NOW - timedelta(days=days), AuditAction.PAUSE, "d"))
    it.run("a", 310)
    it.sweep()
    it.store.apply(Changes(notices=[RunStateChanged("d", "r", "manual", "queued", "running", "", NOW)]), NOW)
    it.instant += timedelta(days=60)
    it.sweep()
    assert it.names() == {"a"}
    assert len(it.store.outbox.notices(0, 10)) == 1
    assert "for 60 days" in it.told[0]


def test_a_clock_that_is_behind_the_last_sweep_is_doubted_until_it_is_right_or_somebody_says_so(house):
    it = house(PENSTOCK_RETENTION__RUNS_DAYS="1")
    it.run("a", 30)
    it.instant = NOW + timedelta(days=20)
    it.retention = RetentionSweep(it.installation, it.told.append, RetentionSettings())
    it.sweep()
    it.retention = RetentionSweep(it.installation, it.told.append)
    it.instant = NOW
    it.sweep()
    assert it.names() == {"a"}
    [line] = it.told
    assert "reads 2026-03-01 12:00:00Z, and when that was done last it read 2026-03-21 12:00:00Z" in line
    with pytest.raises(RequestError, match=r"behind now, then set it right.*--clock-is-right"):
        prune(it.installation)
    assert prune(it.installation, clock_is_right=True).runs == 1
    it.sweep()
    assert len(it.told) == 1


def test_machines_whose_clocks_are_minutes_apart_delete_by_turns(house):
    it = house(PENSTOCK_RETENTION__RUNS_DAYS="1")
    for number in range(4):
        it.instant = NOW + timedelta(hours=number, minutes=9 * (number % 2))
        it.sweep()
    assert it.told == []


def test_that_the_clock_is_right_can_be_told_where_nothing_is_ever_old(house):
    it = house()
    it.sweep()
    it.instant = month(12)
    assert prune(it.installation, clock_is_right=True).runs == 0
    it.sweep()
    assert it.told == []


def test_nobody_deletes_from_the_audit_what_he_has_just_done_nor_that_something_was_deleted(house):
    it = house()
    with it.store.transaction() as tx:
        tx.audit(AuditEntry(NOW - timedelta(days=400), AuditAction.PRUNE, "", subject="what was old"))
        tx.audit(AuditEntry(NOW - timedelta(minutes=70), AuditAction.PAUSE, "d"))
        tx.audit(AuditEntry(NOW - timedelta(minutes=50), AuditAction.CLEAR, "d"))
    prune(it.installation, audit_days=1e-9)
    found = [each.action for each in it.store.audit.page()]
    assert found == [AuditAction.PRUNE, AuditAction.CLEAR, AuditAction.PRUNE]


def test_runs_of_a_dag_are_deleted_by_name_or_by_date_and_live_ones_are_not(house):
    it = house()
    logs = {name: it.run(name, days)[0] for name, days in (("a", 3), ("b", 2), ("c", 1), ("live", None))}
    assert delete_runs(it.installation, "d", ["a"], dry_run=True).runs == 1
    assert delete_runs(it.installation, "d", ["a"], by=AskedBy("ann", "wrong")).runs == 1
    assert delete_runs(it.installation, "d", before=NOW - timedelta(days=1.5)).runs == 1
    assert it.names() == {"c", "live"}
    assert [name for name, log in logs.items() if log.exists()] == ["c", "live"]
    assert [(e.action, e.subject, e.person) for e in it.store.audit.page()] == [
        ("delete", "ended before 2026-02-28 00:00:00Z", ""),
        ("delete", "a", "ann"),
    ]
    for names, sentence in (
        (["live"], "is running. Cancel it first"),
        (["c", "nope"], "is named 'nope'"),
        ([], "neither"),
        ([""], "names no run"),
    ):
        with pytest.raises((RequestError, NotFoundError), match=sentence):
            delete_runs(it.installation, "d", names)
    assert it.names() == {"c", "live"}


@pytest.mark.parametrize(
    ("happens", "sentence"),
    [("tried", "has a try that has not answered yet"), ("asked_for", "no scheduler"), ("backfilled", "backfills list")],
)
def test_a_run_that_is_named_and_cannot_be_deleted_yet_is_told_with_the_reason(house, happens, sentence):
    it = house()
    it.run("old", 2)
    globals()[happens](it, finished(it))
    with pytest.raises(RequestError, match=rf"run 'old' of DAG 'd' was not deleted: it .*{sentence}"):
        delete_runs(it.installation, "d", ["old"])
    assert "old" in it.names()


def test_the_folder_of_logs_of_a_dag_goes_after_its_last_run_and_no_young_one_does(house):
    it = house(PENSTOCK_RETENTION__RUNS_DAYS="1")
    folder = it.run("old", 2)[0].parent.parent.parent
    it.instant = datetime.now(UTC)
    it.retention = RetentionSweep(it.installation, it.told.append, clock_is_right=True)
    it.sweep()
    assert folder.is_dir(), "another run of it may be about to write its first log"
    os.utime(folder, (0, 0))
    it.sweep()
    assert not folder.exists()
    assert it.settings.logs_folder.is_dir()


def test_old_logs_go_by_themselves_unless_their_run_lives(house):
    it = house(PENSTOCK_RETENTION__LOGS_DAYS="7")
    old, young, live = it.run("old", 8)[0], it.run("young", 6)[0], it.run("live", None)[0]
    servers = it.settings.logs_folder / "spawn-servers.log"
    servers.touch()
    os.utime(servers, (0, 0))
    it.sweep()
    assert [path.exists() for path in (old, young, live, servers)] == [False, True, True, True]
    assert it.names() == {"old", "young", "live"}


def test_old_logs_go_from_the_log_store_each_once_and_those_of_deleted_runs_with_them(house, tmp_path):
    url = (tmp_path / "kept").as_uri()
    it = house(PENSTOCK_RETENTION__LOGS_DAYS="7", PENSTOCK_RETENTION__RUNS_DAYS="30", PENSTOCK_LOGS__STORE=url)
    names, folder = {}, it.settings.logs_folder
    for name, days in (("gone", 31), ("old", 8), ("young", 6), ("live", None)):
        names[name] = log_name(it.store.logs.identity(), folder, it.run(name, days)[0])
        it.log_store(url, None).append(names[name], 0, b"said\n")

    def kept():
        return {name for name, log in names.items() if list(it.log_store(url, None).read(log))}

    it.sweep()
    assert kept() == {"young", "live"}
    it.log_store(url, None).append(names["old"], 0, b"put back")
    it.instant += timedelta(days=2)
    it.sweep()
    assert kept() == {"old", "live"}, "what was deleted is not looked for again"
    it.log_store = lambda *_: (_ for _ in ()).throw(ValueError("no door"))
    it.instant += timedelta(days=25)
    it.sweep()
    assert it.names() == {"live", "young", "old"}
    assert f"the log store {url}: ValueError: no door" in it.told[-1]


def test_the_work_is_done_in_small_portions(house):
    it = house(PENSTOCK_RETENTION__RUNS_DAYS="1")
    for number in range(2 * RUNS + 1):
        it.run(f"r{number}", 2)
    portions = it.retention.portions()
    next(portions)
    assert len(it.names()) == RUNS + 1
    assert len([*portions]) == 2
    assert it.names() == set()


def test_a_run_whose_values_cannot_be_deleted_stays_until_they_can(house):
    it = house(
        PENSTOCK_RETENTION__RUNS_DAYS="1", PENSTOCK_XCOM__STORE="mem://bucket/p", PENSTOCK_XCOM__CONN_ID="bucket"
    )
    it.run("old", 2)
    it.remote.objects["mem://bucket/p/other"] = b"not ours"
    it.remote.away = True
    it.sweep()
    assert it.names() == {"old"}
    assert "it is away" in it.told[0]
    it.remote.away = False
    it.instant += timedelta(hours=1)
    it.sweep()
    assert it.names() == set()
    assert list(it.remote.objects) == ["mem://bucket/p/other"]


def finished(it, name="old"):
    """A run as a sweep reads it."""
    return it.store.runs.find("d", name)


def made_live(it, run):
    it.store.apply(Changes(runs=[msgspec.structs.replace(run, state=RunState.RUNNING, ended_at=None)]), NOW)


def asked_for(it, run):
    it.store.requests.submit(ClearTasks(run.run), NOW)


def tried(it, run):
    instance = TaskInstance(run.run, "t", -1, TaskState.CANCELLED, epoch=1)
    it.store.apply(Changes(tasks=[instance], tries=[Try(run.run, "t", -1, 1, 1, "local", NOW)]), NOW)


def backfilled(it, _run):
    spec = BackfillSpec("d", Schedule(ScheduleKind.CRON, "0 * * * *"), NOW, NOW, 1)
    it.store.backfills.add(spec, AuditEntry(NOW, AuditAction.BACKFILL, "d"))


@pytest.mark.parametrize("happens", [made_live, asked_for, tried, backfilled])
def test_a_run_that_is_to_run_again_keeps_its_logs_and_values_though_a_sweep_had_read_it(house, happens):
    it = house()
    log, url = it.run("old", 2)
    run = finished(it)
    happens(it, run)
    assert RunDeletion(it.installation).delete([run]) == 0
    assert log.exists()
    assert FileStore().read(url) == b"value"
    assert it.store.runs.snapshot(run.run) is not None, "it can be run again"
    assert it.store.retention.deleting() == []


def test_a_run_whose_deletion_was_cut_short_is_run_by_nobody_and_gone_after_the_next_sweep(house):
    it = house()
    log, _ = it.run("old", 2)
    run = finished(it)
    assert it.store.retention.begin_deletion([run.run]) == {run.run}
    assert it.store.runs.snapshot(run.run) is None
    it.sweep()
    assert (it.names(), log.exists()) == (set(), False)


def test_a_large_run_goes_in_parts_of_which_none_is_long_and_whole(house):
    it = house()
    it.run("old", 2)
    run = finished(it)
    instances = [TaskInstance(run.run, "t", index, TaskState.SUCCESS) for index in range(5_000)]
    it.store.apply(Changes(tasks=instances), NOW)
    assert it.store.retention.begin_deletion([run.run]) == {run.run}
    assert it.store.retention.delete_part(run.run, 2_000) == 2_001, "and its value"
    assert it.store.retention.sizes([run.run]) == {run.run: 3_000}
    assert RunDeletion(it.installation).delete([run]) == 1
    assert (it.names(), it.store.check()) == (set(), [])


def test_a_run_whose_logs_cannot_be_deleted_stays_and_holds_up_no_other(house):
    it = house(PENSTOCK_RETENTION__RUNS_DAYS="1")
    (log, _), (other, _) = it.run("old", 2), it.run("other", 2)
    folder = log.parent.parent
    moved = folder.rename(it.folder / "moved")
    folder.symlink_to(moved)
    it.sweep()
    assert (it.names(), other.exists()) == ({"old"}, False)
    assert "not everything that is old could be deleted" in it.told[0]
    folder.unlink()
    it.instant += timedelta(hours=1)
    it.sweep()
    assert it.names() == set()


def test_a_run_that_lives_again_amid_a_sweep_keeps_the_logs_that_are_left(house):
    it = house(PENSTOCK_RETENTION__LOGS_DAYS="1")
    logs = {name: it.run(name, 2)[0].parent for name in ("a", "b")}
    for folder in logs.values():
        for number in range(2, FILES + 1):
            copy2(folder / "1.log", folder / f"{number}.log")
    portions = it.retention.portions()
    next(portions)
    left = {name: len([*folder.glob("*.log")]) for name, folder in logs.items()}
    assert sum(left.values()) == FILES
    name = max(left, key=left.get)
    made_live(it, finished(it, name))
    assert len([*portions]) == 1
    assert len([*logs[name].glob("*.log")]) == left[name]


def test_what_is_old_goes_in_portions_of_which_none_is_long(house):
    it = house(PENSTOCK_RETENTION__AUDIT_DAYS="1")
    it.store.outbox.register(["acme"])
    old, number = NOW - timedelta(days=2), 2 * EVENTS + 1
    with it.store.transaction() as tx:
        for _ in range(number):
            tx.audit(AuditEntry(old, AuditAction.CLEAR, "d"))
    notice = RunStateChanged("d", "r", "manual", "queued", "running", "", old)
    it.store.apply(Changes(notices=[notice] * number), old)
    portions = it.retention.portions()
    kept = [len(it.store.audit.page(limit=number)) for _ in zip(range(3), portions, strict=False)]
    assert kept == [EVENTS + 1, 1, 0]
    kept = [len(it.store.outbox.notices(0, number)) for _ in portions]
    assert kept == [EVENTS + 1, 1, 0]
    assert str(number) in it.told[0]


def test_versions_that_nothing_needs_go_whatever_the_settings_say(house):
    it = house()
    [first] = it.store.dags.states()
    catalog = LoaderCatalog(it.store, it.store.config.variable_values, lambda: NOW)
    catalog.save(
        ParsedFile("f.py", "s", {}, {}, None, NOW, 0.1, (DagSpec("d", "f.py", (TaskSpec("t"), TaskSpec("u"))),))
    )
    catalog.close()
    it.sweep()
    assert it.store.retention.unused_versions(NOW + timedelta(days=1)) == [first.version]
    it.instant += timedelta(hours=2)
    it.sweep()
    assert it.store.retention.unused_versions(NOW + timedelta(days=1)) == []
    assert it.store.versions.spec(it.store.dags.states()[0].version) is not None


def test_state_changes_that_no_listener_came_for_go_after_a_day_and_that_is_told(house):
    it = house()
    it.store.outbox.register(["acme"])
    for hours in (25, 23):
        at = NOW - timedelta(hours=hours)
        it.store.apply(Changes(notices=[RunStateChanged("d", "r", "manual", "queued", "running", "", at)]), at)
    it.sweep()
    assert [notice.at for _, notice in it.store.outbox.notices(0, 10)] == [NOW - timedelta(hours=23)]
    assert it.store.outbox.listeners()[0].missed == 1
    assert it.told == ["state changes older than a day were dropped unheard: 1. See: penstock providers"]
