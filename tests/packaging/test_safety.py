"""Lock, export, verify, audit, policy, bundle, conflict, isolation, repair: each against the real thing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from penstock_testkit.package_index import static_index, write_static_index
from penstock_testkit.wheels import write_provider, write_wheel

PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"


def test_the_lock_is_pep_751_with_hashes_and_edges(uv_world):
    uv_world.pm("install", "alpha")
    data = tomllib.loads(uv_world.lock.read_text())
    assert data["lock-version"] == "1.0"
    packages = {package["name"]: package for package in data["packages"]}
    assert packages["penstock-providers-alpha"]["dependencies"] == [{"name": "lib-a"}, {"name": "penstock-core"}]
    assert all(wheel["hashes"]["sha256"] for package in packages.values() for wheel in package["wheels"])
    assert uv_world.pm("lock", "--check").code == 0
    uv_world.intent.write_text('[plugin-manager]\nproviders = ["alpha", "beta"]\n')
    assert uv_world.pm("lock", "--check", expect=2).code == 2
    uv_world.pm("lock")
    assert 'name = "lib-deep"' in uv_world.lock.read_text()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        pytest.param('lock-version = "1.0"', 'lock-version = "9.0"', "lock-version '9.0'", id="of a later standard"),
        pytest.param("schema = 1", "schema = 7", "its schema is 7", id="of a later manager"),
        pytest.param('lock-version = "1.0"', "lock-version = ", "pylock.toml", id="no TOML"),
    ],
)
def test_a_lock_of_another_schema_is_refused_and_nothing_changes(uv_world, old, new, words):
    uv_world.pm("install", "alpha")
    uv_world.lock.write_text(uv_world.lock.read_text().replace(old, new))
    before = uv_world.picture()
    for command in (["sync"], ["sync", "--frozen"], ["install", "beta"], ["upgrade"]):
        said = uv_world.pm(*command, expect=1)
        assert words in said.err.partition("\n")[0]
        assert said.err.count("error:") == 1
        assert said.out == ""
    assert uv_world.picture() == before


def test_exports_install_with_plain_tools(uv_world):
    uv_world.pm("install", "alpha", "gamma[fast]")
    uv_world.pm("export", "requirements", "-o", "requirements.txt")
    other = uv_world.folder / "other"
    subprocess.run([sys.executable, "-m", "uv", "venv", "-q", str(other)], check=True, env=uv_world.variables)
    uv = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "-q",
        "--python",
        str(other / "bin/python"),
        "--index-url",
        uv_world.index,
    ]
    subprocess.run(
        [*uv, "--require-hashes", "-r", str(uv_world.folder / "requirements.txt")], check=True, env=uv_world.variables
    )
    assert "lib-a==1.5\n" in uv_world.pm("export", "constraints").out
    assert "plugin-manager sync --frozen" in uv_world.pm("export", "dockerfile").out
    bom = json.loads(uv_world.json("export", "sbom")["text"])
    assert bom["bomFormat"] == "CycloneDX"
    assert {each["name"] for each in bom["components"]} == set(uv_world.standing())
    assert all(len(each.get("hashes", [])) == 1 for each in bom["components"]), (
        "hashes of one component are of one file"
    )
    below = {each["ref"]: each.get("dependsOn", []) for each in bom["dependencies"]}
    assert below["penstock-providers-alpha@2.0"] == ["lib-a@1.5", "penstock-core@0.2.0"]


def test_verify_finds_changed_and_missing_files_and_doctor_mends_them(uv_world):
    uv_world.pm("install", "alpha")
    assert uv_world.json("verify")["findings"] == []
    site = uv_world.env / "lib" / PYTHON / "site-packages"
    (site / "lib_a.py").unlink()
    (site / "lib_a.py").write_text("tampered = True\n")
    findings = uv_world.json("verify", expect=6)["findings"]
    assert findings == [{"distribution": "lib-a", "problem": "lib_a.py was changed after it was installed"}]
    (site / "lib_a.py").unlink()
    assert "lib_a.py is missing" in uv_world.pm("doctor", expect=1).out
    uv_world.pm("doctor", "--fix")
    assert uv_world.json("verify")["findings"] == []
    uv_world.pm("doctor")


def test_a_wheel_that_is_not_the_locked_one_is_refused(uv_world, own_wheels):
    uv_world.pm("install", "alpha", "--no-index", "--find-links", str(own_wheels))
    uv_world.pm("remove", "alpha", "--prune", "--no-index", "--find-links", str(own_wheels))
    uv_world.intent.write_text('[plugin-manager]\nproviders = ["alpha<2", "beta"]\n')
    uv_world.pm("lock", "--no-index", "--find-links", str(own_wheels))
    write_wheel(own_wheels, "lib-b", "1.0", files={"lib_b.py": "evil = 1\n"}, requires=["lib-deep"])
    shutil.rmtree(uv_world.folder / "cache", ignore_errors=True)
    before = uv_world.picture()
    said = uv_world.pm("sync", "--frozen", "--no-index", "--find-links", str(own_wheels), expect=6)
    assert "its hash differs" in said.err
    assert uv_world.picture() == before


def test_audit_and_publishers_read_the_index(uv_world, own_wheels, tmp_path):
    root = tmp_path / "static"
    facts = {
        "lib_a-1.5-py3-none-any.whl": {"yanked": "broken on Tuesdays"},
        "lib-b": {"project-status": {"status": "quarantined", "reason": "under investigation"}},
        "lib_deep-1.0-py3-none-any.whl": {"upload-time": "2999-01-01T00:00:00Z"},
        "penstock_providers_beta-1.0-py3-none-any.whl": {"provenance": "/provenance.json"},
    }
    uv_world.pm("install", "alpha", "beta")
    write_static_index(root, own_wheels, facts)
    publisher = {"kind": "GitHub", "repository": "acme/beta", "workflow": "release.yml"}
    (root / "provenance.json").write_text(json.dumps({"attestation_bundles": [{"publisher": publisher}]}))
    with static_index(root) as url:
        index = ["--index-url", f"{url}simple/"]
        said = uv_world.pm("audit", "--min-age-days", "7", *index, "--json", sources=False, expect=6)
        problems = {each["distribution"]: each["problem"] for each in said.data["findings"]}
        assert problems["lib-a"] == "1.5 is yanked: broken on Tuesdays"
        assert "quarantined by the index" in problems["lib-b"]
        assert "days old" in problems["lib-deep"]
        verify = ["verify", "--publishers", *index, "--json"]
        assert uv_world.pm(*verify, "--remember", sources=False).data["publishers"] == {
            "penstock-providers-beta": "GitHub acme/beta release.yml"
        }
        publisher["repository"] = "mallory/beta"
        (root / "provenance.json").write_text(json.dumps({"attestation_bundles": [{"publisher": publisher}]}))
        findings = uv_world.pm(*verify, sources=False, expect=6).data["findings"]
        assert "its publisher changed from GitHub acme/beta" in findings[0]["problem"]


def test_a_yanked_version_is_not_chosen_and_told_where_a_lock_or_a_number_names_it(uv_world, own_wheels, tmp_path):
    root = tmp_path / "static"
    yanked = {"penstock_providers_alpha-2.0-py3-none-any.whl": {"yanked": True}}
    write_static_index(root, own_wheels, yanked)
    with static_index(root) as url:
        index = ["--index-url", f"{url}simple/"]
        assert uv_world.pm("install", "alpha", *index, "--json", sources=False).data["warnings"] == []
        assert uv_world.standing()["penstock-providers-alpha"] == "1.1"
        dry = uv_world.pm("install", "alpha==2.0", "--dry-run", *index, "--json", sources=False, expect=2).data
        assert dry["warnings"] == ["penstock-providers-alpha 2.0 is yanked"]
        write_static_index(root, own_wheels, {**yanked, "lib_a-1.5-py3-none-any.whl": {"yanked": "broken on Tuesdays"}})
        shutil.rmtree(uv_world.env)
        synced = uv_world.make().pm("sync", "--frozen", *index, "--json", sources=False).data
        assert synced["warnings"] == ["lib-a 1.5 is yanked: broken on Tuesdays"]


def test_the_policy_binds_every_change(uv_world):
    uv_world.intent.write_text('[plugin-manager.policy]\ndeny = ["lib-b"]\nallow = ["alpha", "beta"]\nmax-dists = 5\n')
    assert "lib-b is denied" in uv_world.pm("install", "beta", expect=6).err
    assert "not on the policy's list" in uv_world.pm("install", "gamma", expect=6).err
    uv_world.pm("install", "alpha")
    uv_world.pm("policy", "check")
    uv_world.intent.write_text(uv_world.intent.read_text().replace('"lib-b"', '"lib-a"'))
    assert uv_world.json("policy", "check", expect=6)["violations"] == ["lib-a is denied by the policy ('lib-a')"]


def test_a_bundle_installs_without_network(uv_world, tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("far")
    uv_world.pm("install", "alpha", "gamma[fast]")
    uv_world.pm("bundle", "create", "-o", "all.bundle")
    uv_world.pm("bundle", "verify", "all.bundle")
    other = type(uv_world)(
        tmp_path / "elsewhere", "uv", "http://127.0.0.1:1/simple/", uv_world.wheels, tmp_path / "no-cache"
    )
    other.folder.mkdir()
    other.make()
    other.pm("install", "--from-bundle", str(uv_world.folder / "all.bundle"), sources=False)
    assert other.standing() == uv_world.standing()
    damaged = bytearray((uv_world.folder / "all.bundle").read_bytes())
    damaged[len(damaged) // 3] ^= 0xFF
    (uv_world.folder / "bad.bundle").write_bytes(damaged)
    assert uv_world.pm("bundle", "verify", "bad.bundle", expect=6).code == 6


def test_a_conflict_is_told_in_words_with_ways_out_and_isolation_is_one(uv_world):
    uv_world.pm("install", "left")
    before = uv_world.picture()
    said = uv_world.pm("install", "right", expect=5)
    assert "provider left and provider right cannot stand in one environment" in said.err.lower()
    assert "plugin-manager isolate right" in said.err
    assert uv_world.picture() == before
    data = uv_world.json("isolate", "right")
    assert {step["name"] for step in data["isolated"]["right"]} == {
        "lib-c",
        "penstock-core",
        "penstock-providers-right",
    }
    python = json.loads((uv_world.env / "penstock-isolated.json").read_text())["right"]
    code = "import lib_c, penstock_right, penstock; print(lib_c.VERSION)"
    assert subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "2.0"
    assert uv_world.standing()["lib-c"] == "1.0"
    assert 'isolated = ["right"]' in uv_world.intent.read_text()
    uv_world.pm("doctor")
    uv_world.pm("isolate", "right", "--undo")
    assert not Path(python).exists()


def test_an_installed_provider_can_be_isolated(uv_world):
    uv_world.pm("install", "alpha", "beta")
    uv_world.pm("isolate", "beta")
    assert uv_world.standing() == {"penstock-core": "0.2.0", "penstock-providers-alpha": "2.0", "lib-a": "1.5"}


def test_bisect_finds_the_provider_without_which_a_command_succeeds(uv_world):
    uv_world.pm("install", "alpha", "beta", "gamma", "cloud", "store")
    command = f"{sys.executable} -c \"import os,sys; sys.exit('gamma' not in os.environ['PENSTOCK_DISABLED_PROVIDERS'].split(','))\""
    data = uv_world.json("doctor", "--bisect", command)
    assert data["culprit"] == "gamma"
    assert data["trials"] <= 6


def test_a_new_provider_validates_builds_and_installs(uv_world, tmp_path):
    uv_world.pm("new", "lake_house", "--name", "The Lake House")
    folder = uv_world.folder / "penstock-providers-lake-house"
    assert uv_world.json("validate", str(folder))["problems"] == []
    manifest = folder / "src/penstock_lake_house/provider.toml"
    manifest.write_text(manifest.read_text() + "\ncolour = 1\n")
    assert uv_world.json("validate", str(folder), expect=5)["problems"] != []
    wheel = write_provider(tmp_path / "w", "lake_house", manifest=manifest.read_text())
    assert uv_world.json("validate", str(wheel), expect=5)["id"] == "lake_house"


def test_catalogs_come_from_files_and_hosts_in_order_and_carry_verdicts(uv_world, own_wheels, tmp_path):
    root = tmp_path / "host"
    root.mkdir()
    verdict = {
        "provider": "alpha",
        "version": "2.0",
        "core": "0.2.0",
        "python": "3.11.7",
        "verdict": "fail",
        "date": "2026-01-01",
    }
    (uv_world.folder / "verdicts.json").write_text(json.dumps({"schema": 1, "verdicts": [verdict]}))
    uv_world.pm("catalog", "build", str(own_wheels), "-o", "full.json", "--verdicts", "verdicts.json")
    catalog = json.loads((uv_world.folder / "full.json").read_text())
    for entry in catalog["providers"]:
        entry["state"] = "suspended" if entry["id"] == "beta" else entry["state"]
    (root / "remote.json").write_text(json.dumps(catalog))
    with static_index(root) as url:
        uv_world.intent.write_text(f'[plugin-manager]\ncatalogs = ["{url}remote.json", "full.json"]\n')
        assert "is suspended" in uv_world.pm("install", "beta", expect=5).err
        assert uv_world.pm("install", "alpha", "--json").data["warnings"] == [
            "alpha 2.0 is known to fail with core 0.2.0; 1.1 is taken",
            "alpha 1.1 has not been tested with core 0.2.0",
        ]
        data = uv_world.pm("install", "alpha==2.0", "--json").data
        assert "alpha 2.0 is known to fail with core 0.2.0" in data["warnings"]
        uv_world.pm("install", "acme")
        assert uv_world.standing()["acme-workflows"] == "1.0"
    said = uv_world.pm("catalog", "refresh", "--json")
    assert "its last copy is used" in said.err
    (uv_world.folder / "full.json").write_text("<html>")
    assert "it is no JSON" in uv_world.pm("catalog", "show", expect=1).err


def test_nothing_of_a_provider_is_imported_by_any_command(uv_world):
    uv_world.pm("install", "raising", "alpha")
    for words in (
        ["list"],
        ["list", "--broken"],
        ["tree"],
        ["plan"],
        ["verify"],
        ["doctor"],
        ["upgrade"],
        ["prune"],
        ["lock"],
    ):
        assert "imported a provider" not in uv_world.pm(*words).err
