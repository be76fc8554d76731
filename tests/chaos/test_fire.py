"""Several processes are killed or stopped at once, tasks misbehave, and the database fails: each scenario, and what must hold."""

import signal

import pytest
from fire.flood import Flood
from fire.installation import Fire
from fire.outages import DISK_BYTES, locked, of_disk, of_network, of_server
from fire.scenario import Scenario, Strike, play

from penstock_testkit.disk import small_disk
from penstock_testkit.network import network_faults
from penstock_testkit.nightly import nightly_but

SIGKILL = signal.SIGKILL
SCENARIOS = {
    "scheduler and spawn server": Scenario((Strike(("scheduler", "spawn server")),)),
    "all between supervisor and try": Scenario(
        (Strike(("scheduler", "spawn server", "file server")), Strike(("scheduler", "listener", "notifier"), "at once"))
    ),
    "supervisor, file server and a try": Scenario((Strike(("up", "file server", "try")),), poison=True),
    "spawn server stopped, then killed": Scenario((Strike(("spawn server", "loader"), "at once", True, SIGKILL),)),
    "file server and scheduler stopped": Scenario((Strike(("file server", "scheduler"), "ending", True),)),
    "a pause of everything": Scenario((Strike(("everything",), "at work", True),), "locked"),
}
KEPT = ["supervisor, file server and a try", "a pause of everything"]
"""What is played with each change of the code, and not at night alone."""

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("chaos")]


@pytest.fixture(scope="module")
def fire(tmp_path_factory):
    """The installation of all scenarios, on SQLite."""
    made = Fire(tmp_path_factory.mktemp("fire"))
    yield made
    made.end_all()


@pytest.mark.parametrize("name", nightly_but(KEPT, SCENARIOS))
def test_the_run_ends_others_go_on_no_tries_overlap_and_nothing_is_left(fire, name):
    play(fire, SCENARIOS[name], name.replace(" ", "-").replace(",", ""), {"locked": locked})
    if name in ("supervisor, file server and a try", "a pause of everything"):
        fire.stop()


@pytest.mark.parametrize("outage", nightly_but(["crashed"], ["crashed", "full of sessions"]))
def test_the_same_when_processes_are_killed_while_postgresql_cannot_be_had(tmp_path, postgres_server, outage):
    made = Fire(tmp_path, postgres_server.create_database())
    try:
        play(made, Scenario((Strike(("file server", "loader")),), outage), "one", of_server(postgres_server))
        made.stop()
    finally:
        made.end_all()


@pytest.mark.nightly
def test_of_hundreds_of_tasks_under_fire_each_succeeds_once(tmp_path, postgres_server):
    made = Fire(tmp_path, postgres_server.create_database())
    try:
        found = Flood(made, of_server(postgres_server), 1, 300, (0.1, 0.4)).play(tmp_path / "report.json")
        made.stop()
    finally:
        made.end_all()
    assert sum(found["faults"].values()) >= 2, found


@pytest.mark.nightly
@pytest.mark.parametrize("outage", ["cut off", "cut amid answers"])
def test_the_same_when_the_way_to_postgresql_is_cut(tmp_path, postgres_server, outage):
    with network_faults("127.0.0.1", postgres_server.port) as proxy:
        url = postgres_server.create_database().replace(f":{postgres_server.port}/", f":{proxy.port}/")
        made = Fire(tmp_path, url)
        try:
            play(made, Scenario((Strike(("file server",)),), outage), "one", of_network(proxy))
            made.stop()
        finally:
            made.end_all()
            proxy.heal()


def test_the_same_when_the_disk_is_full(tmp_path):
    with small_disk(tmp_path, DISK_BYTES) as disk:
        made = Fire(tmp_path)
        try:
            play(made, Scenario((Strike(("file server",)),), "disk full"), "one", of_disk(disk))
            made.stop()
        finally:
            made.end_all()


@pytest.mark.nightly
def test_a_deleted_database_ends_everything_with_a_sentence_and_the_next_start_begins_anew(fire):
    fire.up()
    fire.trigger("fire", "deleted")
    fire.wait_for(lambda: fire.lines("deleted"), "a try")
    (fire.folder / ".penstock" / "penstock.db").unlink()
    assert fire.wait_for(fire.ended, "the end of penstock up") == 4
    assert "the file was deleted while it was in use" in fire.told()
    fire.wait_for(lambda: not fire.processes(), "the end of all processes", 60)
    fire.up()
    fire.trigger("other", "after")
    assert fire.end_of("other", "after") == "success"
    assert fire.down() == 0
