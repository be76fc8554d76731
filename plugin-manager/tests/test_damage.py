"""Damage of installed files: what differs from RECORD, and the proof that spares reading what was proven."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

import pytest

from penstock_plugin_manager.installed.damage import claims, damaged

NAME = "lib-a"


@pytest.fixture
def site(tmp_path):
    """A folder with one distribution of two modules, written as an installer leaves it."""
    return install(tmp_path / "site-packages", "lib_a", {"lib_a.py": b"A = 1\n", "more_a.py": b""})


def install(site: Path, stem: str, files: dict[str, bytes]) -> Path:
    info = site / f"{stem}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {stem}\nVersion: 1.0\n")
    rows = []
    for path, body in files.items():
        (site / path).write_bytes(body)
        digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(body)}")
    (info / "RECORD").write_text("\n".join([*rows, f"{info.name}/RECORD,,"]) + "\n")
    return site


def backdated(path: Path) -> None:
    stat = path.stat()
    path.write_bytes(b"A = 2\n")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        pytest.param(lambda site: None, [], id="none"),
        pytest.param(lambda site: (site / "lib_a.py").write_bytes(b"A = 11\n"), ["lib_a.py was changed"], id="edited"),
        pytest.param(
            lambda site: backdated(site / "lib_a.py"), ["lib_a.py was changed"], id="edited, size and date kept"
        ),
        pytest.param(lambda site: (site / "more_a.py").unlink(), ["more_a.py is missing"], id="deleted"),
        pytest.param(
            lambda site: ((site / "more_a.py").unlink(), (site / "more_a.py").symlink_to("nowhere")),
            ["more_a.py is missing"],
            id="dead link",
        ),
        pytest.param(
            lambda site: ((site / "more_a.py").unlink(), (site / "more_a.py").mkdir()),
            ["more_a.py is no file any more"],
            id="folder",
        ),
        pytest.param(
            lambda site: ((site / "more_a.py").unlink(), os.mkfifo(site / "more_a.py")),
            ["more_a.py is no file any more"],
            id="pipe that nobody writes to",
        ),
        pytest.param(
            lambda site: ((site / "more_a.py").unlink(), (site / "more_a.py").symlink_to("/dev/zero")),
            ["more_a.py is no file any more"],
            id="device without end",
        ),
        pytest.param(
            lambda site: (site / "lib_a-1.0.dist-info" / "RECORD").unlink(), ["has no RECORD"], id="no RECORD"
        ),
        pytest.param(
            lambda site: (site / "lib_a-1.0.dist-info" / "RECORD").write_text(""), ["has no RECORD"], id="empty RECORD"
        ),
        pytest.param(
            lambda site: (site / "lib_a-1.0.dist-info" / "RECORD").write_text("lib_a.py,rot13=x,6\n"),
            ["recorded with the unknown hash rot13"],
            id="unknown hash",
        ),
        pytest.param(
            lambda site: (site / "lib_a-1.0.dist-info" / "RECORD").write_text("lib_a.py,,\nmore_a.pyc,,\n"),
            ["recorded without a hash"],
            id="no hash",
        ),
        *(
            pytest.param(
                lambda site, body=body: (site / "lib_a-1.0.dist-info" / "RECORD").write_bytes(body),
                ["has no RECORD"],
                id=f"RECORD of {name}",
            )
            for name, body in {
                "zeros": bytes(900),
                "no text": b"\xff\xfelib_a.py,,\n",
                "an open quote": b'"lib_a.py,,\n',
                "one endless row": b"a" * 200_000,
                "rows of one field": b"lib_a.py\nmore_a.py\n",
                "a zero in a path": b"lib_a\0.py,,\n",
            }.items()
        ),
        pytest.param(
            lambda site: (site / "lib_a-0.9.dist-info").mkdir(),
            ["is installed more than once: lib_a-0.9.dist-info and lib_a-1.0.dist-info"],
            id="what another version has left",
        ),
    ],
)
def test_what_differs_from_the_record_is_found_though_all_was_proven_before(site, tmp_path, harm, found):
    state = str(tmp_path / "state")
    assert damaged(site, [NAME], state) == {}
    harm(site)
    for reread in (False, True, False):
        said = [each.sentence for each in damaged(site, [NAME], state, reread=reread).get(NAME, [])]
        assert [words for words in found if not any(words in each for each in said)] == []
        assert len(said) == len(found)


def test_what_was_proven_is_not_read_again(site, tmp_path):
    state = tmp_path / "state"
    damaged(site, [NAME], str(state))
    before = (site / "lib_a.py").stat().st_atime_ns
    os.utime(state / "proofs.json", ns=(0, 0))
    assert damaged(site, [NAME], str(state)) == {}
    assert ((site / "lib_a.py").stat().st_atime_ns, (state / "proofs.json").stat().st_mtime_ns) == (before, 0)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"schema": 1}', '{"schema": 1, "proofs": []}', '{"schema": 9, "proofs": {}}']
)
def test_seals_that_cannot_be_read_prove_nothing(site, tmp_path, text):
    (tmp_path / "proofs.json").write_text(text)
    (site / "lib_a.py").write_bytes(b"A = 2\n")
    assert list(damaged(site, [NAME], str(tmp_path))) == [NAME]


def test_a_file_has_every_distribution_that_recorded_it(site):
    install(site, "lib_b", {"lib_b.py": b"", "more_a.py": b""})
    assert claims(site, [NAME, "lib-b"])["more_a.py"] == [NAME, "lib-b"]
