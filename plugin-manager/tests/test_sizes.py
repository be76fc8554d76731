"""The sizes of a plan: of every file that lies here or tells its own, before anything is fetched."""

from __future__ import annotations

from penstock_testkit.wheels import write_wheel

from penstock_plugin_manager.change.session import Session, SessionOptions
from penstock_plugin_manager.change.sizes import with_sizes
from penstock_plugin_manager.index.client import Client
from penstock_plugin_manager.index.listing import read_listing
from penstock_plugin_manager.index.network import Network
from penstock_plugin_manager.model.lock import File
from penstock_plugin_manager.output import Console
from penstock_plugin_manager.plan.steps import Plan, Step


def _sized(file):
    plan = Plan((Step("add", "x", "", "1.0", "you want x"),))
    (step,) = with_sizes(plan, {"x": file}, Session(SessionOptions(), Console())).steps
    return step.download, step.disk


def test_a_file_on_this_machine_counts_whatever_it_is(tmp_path):
    sdist = tmp_path / "x-1.0.tar.gz"
    sdist.write_bytes(b"1234567")
    assert _sized(File(sdist.name, sdist.as_uri())) == (7, None)
    wheel = write_wheel(tmp_path, "x", "1.0", files={"x.py": "x" * 5000})
    download, disk = _sized(File(wheel.name, wheel.as_uri()))
    assert download == wheel.stat().st_size
    assert 5000 < disk < download


def test_the_list_of_a_large_wheel_is_read_from_a_server_without_its_body(tmp_path, serve):
    wheel = write_wheel(tmp_path, "x", "1.0", files={f"x/{number:0200d}.py": "" for number in range(400)})
    body = wheel.read_bytes()
    server = serve()
    file = File(wheel.name, f"{server.url}/{wheel.name}")
    here = read_listing(File(wheel.name, wheel.as_uri()), Client(Network, str, str))
    server.ranges[f"/{wheel.name}"] = body
    assert read_listing(file, Client(Network, str, str)) == here
    assert [first for first, _ in server.parts] == [len(body) - (64 << 10), server.parts[1][0]]
    server.ranges.clear()
    server.answers[f"/{wheel.name}"] = (200, {}, body)
    assert read_listing(file, Client(Network, str, str)) == here, "a server that knows no ranges is asked for the whole"
