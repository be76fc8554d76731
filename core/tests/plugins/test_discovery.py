"""Providers are found by metadata, wherever they are installed, and nothing of them is imported."""

import subprocess
import sys

import pytest

from penstock.plugins.discovery import Found, find_providers, locate_manifest


def test_a_provider_is_found_and_not_imported(site):
    site.provider("acme", code="raise SystemExit('imported')")

    (found,) = find_providers([str(site.folder)])

    assert (found.id, found.distribution, found.version) == ("acme", "penstock-providers-acme", "1.2")
    assert locate_manifest(found) == site.folder / "penstock_acme" / "provider.toml"
    assert "penstock_acme" not in sys.modules


def test_an_editable_install_is_followed_to_its_source(site, tmp_path):
    site.provider("acme", package_folder=tmp_path / "source")
    site.folder.joinpath("_editable.pth").write_text(f"# a comment\nimport os\n{tmp_path / 'source'}\n")

    (found,) = find_providers([str(site.folder)])

    assert locate_manifest(found) == tmp_path / "source" / "penstock_acme" / "provider.toml"


def test_an_installed_provider_is_found_on_sys_path(site):
    site.provider("acme")

    assert [each.id for each in find_providers() if each.site == site.folder] == ["acme"]


def test_of_two_copies_of_one_distribution_the_first_on_the_path_counts(site, tmp_path):
    site.provider("acme")
    other = type(site)(tmp_path / "other")
    other.provider("acme")

    found = find_providers([str(site.folder), str(other.folder)])

    assert [each.site for each in found] == [site.folder]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("penstock_acme", "must be 'package:file'"),
        ("penstock_acme:", "must be 'package:file'"),
        ("penstock acme:provider.toml", "must be 'package:file'"),
        ("penstock_acme:../../etc/passwd", "must be 'package:file'"),
        ("penstock_acme:other.toml", "left out of the wheel"),
        ("penstock_gone:provider.toml", "left out of the wheel"),
    ],
)
def test_an_entry_point_that_leads_nowhere_is_a_sentence(site, value, says):
    site.provider("acme")

    with pytest.raises(ValueError, match=says):
        locate_manifest(Found("acme", value, "d", "1", site.folder))


def test_damaged_metadata_hides_only_its_own_distribution(site):
    site.provider("acme")
    broken = site.folder / "broken-1.dist-info"
    broken.mkdir()
    broken.joinpath("entry_points.txt").write_bytes(b"\xff\xfe[penstock.providers\n = =\n")
    site.folder.joinpath("empty-1.dist-info").write_text("a file in place of a folder")

    assert [each.id for each in find_providers([str(site.folder), "/nowhere"])] == ["acme"]


def test_finding_a_hundred_providers_reads_no_module_of_theirs_and_imports_no_importlib_metadata(site):
    for number in range(100):
        site.provider(f"p{number}", code="raise SystemExit")
    code = (
        "import sys; from penstock.plugins.discovery import find_providers\n"
        f"assert len(find_providers([{str(site.folder)!r}])) == 100\n"
        "heavy = ('importlib.metadata', 'penstock_p', 'sqlalchemy', 'pluggy')\n"
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )

    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
