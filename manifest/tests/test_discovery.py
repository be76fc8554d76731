"""Providers are found by metadata, wherever they are installed, and nothing of them is imported."""

import json
import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from penstock_manifest.discovery import (
    ProviderEntryPoint,
    find_providers,
    installed_bytes,
    missing_requirements,
    read_manifest_file,
)
from penstock_manifest.environments import SearchPath
from penstock_manifest.providers import read_providers
from penstock_testkit.installations import settle


def found_in(*folders):
    return find_providers(SearchPath(tuple(map(str, folders))))


def test_a_provider_is_found_and_not_imported(site):
    site.provider("acme")

    (found,) = found_in(site.folder)

    assert (found.id, found.distribution, found.version) == ("acme", "penstock-providers-acme", "1.2")
    assert read_manifest_file(found)[0] == str(site.folder / "penstock_acme" / "provider.toml")
    assert "penstock_acme" not in sys.modules


def test_of_two_copies_of_one_distribution_the_first_on_the_path_counts(site, tmp_path):
    site.provider("acme")
    other = type(site)(tmp_path / "other")
    other.provider("acme", version="2.0")

    assert [each.version for each in found_in(site.folder, other.folder)] == ["1.2"]


def entry(site, value):
    site.package("acme")
    site.info("acme", entry_points=f"[penstock.providers]\nacme = {value}\n".encode())
    return found_in(site.folder)[0]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("penstock_acme", "must be 'package:file'"),
        ("penstock_acme:..", "must be 'package:file'"),
        ("penstock_acme:other.toml", "left out of the wheel"),
        ("penstock_gone:provider.toml", "left out of the wheel"),
    ],
)
def test_an_entry_point_that_leads_nowhere_is_a_sentence(site, value, says):
    with pytest.raises(ValueError, match=says):
        read_manifest_file(entry(site, value))


@pytest.mark.parametrize("value", ["penstock_acme:", "penstock acme:provider.toml", "penstock_acme:../../etc/passwd"])
def test_an_entry_point_that_cannot_be_taken_apart_is_a_sentence_or_ends_its_distribution(site, value):
    site.provider("zoo")
    if int(version("importlib_metadata").split(".")[0]) < 10:  # the library refuses the whole distribution then
        assert entry(site, value).id == "zoo"
    else:
        with pytest.raises(ValueError, match="must be 'package:file'"):
            read_manifest_file(entry(site, value))


ODD = [
    "[x]\njust text\n",
    "= = =\n",
    "[penstock.providers]\njust text\n",
    "[[",
    "\0",
    "\udcff",
    "[penstock.providers]\n = \n",
]


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_entry_points_of_any_form_hide_no_other_distribution(site, text):
    site.provider("acme")
    site.info("odd", entry_points=text.encode(errors="surrogateescape"))

    assert "acme" in [each.id for each in found_in(site.folder)]


ROWS = [None, 5, {"a": 1}, [5], [["acme"]], [[None] * 9], [{"id": "acme"}], ["acme stock"]]


@pytest.mark.parametrize("rows", ROWS, ids=range(len(ROWS)))
def test_a_cache_that_holds_anything_else_is_none(site, tmp_path, rows):
    site.provider("acme")
    settle(site.folder)
    where, cache = SearchPath((str(site.folder),)), tmp_path / "cache"
    found = find_providers(where, cache=str(cache))
    (file,) = cache.iterdir()
    file.write_text(json.dumps({**json.loads(file.read_text()), "rows": rows}))

    assert find_providers(where, cache=str(cache)) == found


def test_what_stands_in_place_of_the_cache_is_not_waited_for(site, tmp_path):
    site.provider("acme")
    settle(site.folder)
    where, cache = SearchPath((str(site.folder),)), tmp_path / "cache"
    found = find_providers(where, cache=str(cache))
    (file,) = cache.iterdir()
    file.unlink()
    os.mkfifo(file)

    assert find_providers(where, cache=str(cache)) == found


def test_extras_of_an_entry_point_are_no_part_of_the_file(site):
    found = entry(site, "penstock_acme:provider.toml [fast, slow]")

    assert (found.package, found.file) == ("penstock_acme", "provider.toml")
    assert read_manifest_file(found)[1].startswith(b"schema = 1")


@pytest.mark.parametrize("way", ["file", "folder"])
def test_a_manifest_that_leads_out_of_its_package_is_refused(site, tmp_path, way):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "provider.toml").write_text("schema = 1")
    package = site.package("acme")
    (package / "provider.toml").unlink()
    if way == "file":
        (package / "provider.toml").symlink_to(outside / "provider.toml")
        value = "penstock_acme:provider.toml"
    else:
        (package / "data").symlink_to(outside)
        value = "penstock_acme.data:provider.toml"
    site.info("acme", entry_points=f"[penstock.providers]\nacme = {value}\n".encode())

    (provider,) = read_providers(SearchPath((str(site.folder),)))

    assert not provider.active
    assert "leads out of the package" in provider.problems[0]


def test_two_distributions_with_one_id_are_both_reported_and_neither_is_active(site):
    site.provider("acme")
    site.info("acme", name="their-acme")

    (provider,) = read_providers(SearchPath((str(site.folder),)))

    assert not provider.active
    assert "announced by penstock-providers-acme 1.2 and their-acme 1.2" in provider.problems[0]
    assert len(provider.entry_points) == 2


def test_damaged_metadata_hides_only_its_own_distribution(site):
    site.provider("acme")
    broken = site.folder / "broken-1.dist-info"
    broken.mkdir()
    broken.joinpath("entry_points.txt").write_bytes(b"\xff\xfe[penstock.providers\n = =\n")
    site.folder.joinpath("empty-1.dist-info").write_text("a file in place of a folder")

    assert [each.id for each in found_in(site.folder, "/nowhere")] == ["acme"]


def test_a_manifest_that_is_no_plain_file_is_not_waited_for(site):
    package = site.package("acme")
    (package / "provider.toml").unlink()
    os.mkfifo(package / "provider.toml")
    site.info("acme")

    assert not read_providers(SearchPath((str(site.folder),)))[0].active


def test_a_cache_that_answers_imports_no_library_and_no_provider(site, tmp_path):
    for number in range(100):
        site.provider(f"p{number}")
    settle(site.folder)
    code = (
        "import sys; from penstock_manifest.discovery import find_providers\n"
        "from penstock_manifest.environments import SearchPath\n"
        f"found = find_providers(SearchPath(({str(site.folder)!r},)), cache={str(tmp_path / 'cache')!r})\n"
        "assert len(found) == 100 and found[7].where.folders\n"
        "heavy = ('importlib_metadata', 'importlib.metadata', 'pathlib', 'penstock_p', 'pluggy')\n"
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )
    told = [
        subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True) for _ in "12"
    ]

    assert "'importlib_metadata'" in told[0].stdout
    assert told[1].stdout.strip() == "[]"


def test_an_entry_point_is_a_plain_value_that_a_cache_can_hold():
    found = ProviderEntryPoint("a", "p:f", "p", "f", "d", "1", "/s", "/s/i")

    assert ProviderEntryPoint(*found[:-1]) == found


def test_of_metadata_that_is_made_to_take_minutes_the_beginning_counts(site):
    site.provider("acme")
    (info,) = site.folder.glob("*.dist-info")
    text = (info / "METADATA").read_text().rstrip("\n")
    (info / "METADATA").write_text(f"{text}\nX: a\n" + " b\n" * 3_000_000)

    (found,) = found_in(site.folder)

    assert (found.distribution, found.version) == ("penstock-providers-acme", "1.2")


def test_what_an_entry_point_and_its_metadata_are_called_is_safe_to_show(site):
    site.package("acme")
    site.info(
        "acme", entry_points=b"[penstock.providers]\nac\x1b[2Jme" + b"x" * 5000 + b" = penstock_acme:provider.toml\n"
    )

    (found,) = found_in(site.folder)

    assert found.id.isprintable()
    assert len(found.id) <= 100


@pytest.mark.parametrize(("record", "found"), [
    ("a.py,sha256=x,10\na/b.py,sha256=y,5\nx-1.dist-info/RECORD,,\n", 15),
    ("a.py,,many\n\nb.py\n,,7\n", 7),
    (None, 0),
    ("\xff", 0),
])  # fmt: skip
def test_the_size_of_a_distribution_is_what_it_wrote_down(record, found, tmp_path):
    if record is not None:
        (tmp_path / "RECORD").write_bytes(record.encode("latin-1"))
    entry = ProviderEntryPoint("x", "x:p.toml", "x", "p.toml", "x", "1", str(tmp_path), str(tmp_path))
    assert installed_bytes(entry) == found


def test_what_a_provider_requires_and_has_not_is_named(site):
    site.info("sdk", name="Acme.SDK", entry_points=b"")
    lines = [
        "acme-sdk>=1",
        "gone-sdk[fast]>=2,<3",
        "old (==1)",
        "of-an-extra; extra == 'more'",
        "elsewhere; sys_platform == 'win32'",
    ]
    metadata = "Metadata-Version: 2.4\nName: penstock-providers-acme\nVersion: 1.2\n"
    metadata += "".join(f"Requires-Dist: {line}\n" for line in lines) + "\nRequires-Dist: said-by-the-description\n"
    site.provider("acme", metadata=metadata.encode())
    [entry] = found_in(site.folder)
    assert missing_requirements(entry) == ["gone-sdk", "old"]
