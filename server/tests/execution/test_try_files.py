"""The token of a try opens what that try needs, and nothing else that is fetched by content hash."""

import json
import sys
import zipfile

import msgspec
import pytest

from penstock.model.remote.execution_messages import EnvironmentLock
from penstock.model.values.content_hashes import content_hash
from penstock.service.execution.try_files import TryFiles
from penstock.spec.archives.listed_archives import LIST, listed_contents, listed_files
from penstock.spec.executor import FileCode, PlanCode
from penstock_testkit.wheels import write_wheel


@pytest.fixture
def served(site, tmp_path):
    """The source snapshot and the isolated providers ``acme`` and ``other`` of the server's machine; gives the hash of the snapshot."""
    pythons = {}
    for provider in ("acme", "other"):
        place = tmp_path / provider / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
        place.mkdir(parents=True)
        wheel = write_wheel(tmp_path, f"lib-{provider}", "1.0", files={f"lib_{provider}.py": f"NAME = {provider!r}"})
        zipfile.ZipFile(wheel).extractall(place)
        pythons[provider] = str(tmp_path / provider / "bin" / "python")
    isolated, listed = tmp_path / "isolated.json", f"{content_hash(b'x')} sales.py\n".encode()
    isolated.write_text(json.dumps(pythons))
    snapshot = tmp_path / "snapshots" / content_hash(listed)
    snapshot.mkdir(parents=True)
    (snapshot / "sales.py").write_bytes(b"x")
    (snapshot / LIST).write_bytes(listed)
    site.api._execution.files = TryFiles(
        site.store.keyring, site.store.remote_tries, snapshot.parent, tmp_path / "isolated.json"
    )
    return snapshot.name


def test_a_token_opens_the_environment_of_its_own_provider_alone(site, worker, served):
    codes = {
        "a": PlanCode("acme.copy", {}, "acme"),
        "o": PlanCode("other.copy", {}, "other"),
        "f": FileCode(served, "sales.py"),
    }
    tickets = [site.offer(name, code=code) for name, code in codes.items()]
    tokens = dict(zip(codes, (each.token for each in worker.claim(*tickets)), strict=True))
    locks = {}
    for name in "ao":
        answer = site.send("environments", tokens[name], b"")
        locks[name] = msgspec.msgpack.decode(answer.body, type=EnvironmentLock)
    assert (locks["a"].provider, [each.name for each in locks["a"].distributions]) == ("acme", ["lib_acme"])
    [acme], [other] = locks["a"].distributions, locks["o"].distributions
    files = {}
    for name, each in (("a", acme), ("o", other)):
        packed = site.send(f"environments/{each.digest}", tokens[name], b"")
        files[name] = [path for path, _, _ in listed_contents(packed.body, each.digest, "it")]
    assert any(path.endswith("lib_acme.py") for path in files["a"])

    [file] = {
        found
        for packed in [site.send(f"environments/{acme.digest}", tokens["a"], b"").body]
        for path, content, _ in listed_contents(packed, acme.digest, "it")
        if path == LIST
        for found, name in listed_files(content)
        if name.endswith("lib_acme.py")
    }
    piece = site.send(f"environments/{acme.digest}/{file}/5", tokens["a"], b"")
    assert (piece.status, piece.body) == (200, b"= 'acme'")
    assert site.send(f"environments/{acme.digest}/{file}/{10**9}", tokens["a"], b"").body == b""
    for wanted in (f"{file}/x", f"{file}/-1", file, f"{'b' * 40}/0", f"{file}/{'9' * 40}", f"{file}/5/6"):
        assert site.send(f"environments/{acme.digest}/{wanted}", tokens["a"], b"").status == 422, wanted
    assert site.send(f"environments/{acme.digest}/{file}/0", tokens["o"], b"").status == 422
    assert site.send(f"environments/{acme.digest}/{file}/0", tokens["f"], b"").status == 404

    assert site.send(f"snapshots/{served}", tokens["f"], b"").status == 200
    for token, wanted in (("a", other.digest), ("o", acme.digest), ("a", served), ("a", "../acme"), ("a", "x" * 9000)):
        assert site.send(f"environments/{wanted}", tokens[token], b"").status == 422, wanted
    for route in ("environments", f"environments/{acme.digest}", f"snapshots/{acme.digest}"):
        assert site.send(route, tokens["f"], b"").status == 404, route
    assert site.send(f"snapshots/{served}", tokens["a"], b"").status == 404


def test_a_snapshot_that_is_gone_is_no_fault_of_the_token(site, worker):
    [claimed] = worker.claim(site.offer(code=FileCode("b" * 40, "sales.py")))
    answer = site.send(f"snapshots/{'b' * 40}", claimed.token, b"")
    assert answer.status == 422
    assert b"is not on the server's machine" in answer.body


def test_a_distribution_that_is_one_portion_has_no_other(site, worker, served):
    [claimed] = worker.claim(site.offer(code=PlanCode("acme.copy", {}, "acme")))
    lock = msgspec.msgpack.decode(site.send("environments", claimed.token, b"").body, type=EnvironmentLock)
    whole = f"environments/{lock.distributions[0].digest}"
    first, *others = [site.send(f"{whole}/{number}", claimed.token, b"").body for number in (0, 1, 10**9)]
    assert first == site.send(whole, claimed.token, b"").body != b""
    assert others == [b"", b""]
    assert site.send(f"{whole}/x", claimed.token, b"").status == 422
