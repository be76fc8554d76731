"""The documentation as a site: strict, whole, with search and versions, and with a section for each provider."""

import json
import re
import shutil
from pathlib import Path

import pytest

from docsite.__main__ import main
from docsite.build import BrokenDocs, build_site, navigation
from docsite.pages import pages_of, pictures_of
from docsite.provider import reference
from docsite.versions import latest, ordered, released_versions
from train.packages import packages_of
from train.record import Release, text_of
from train.repository import Repository

pytestmark = pytest.mark.xdist_group("site")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site of this repository."""
    return build_site(ROOT, tmp_path_factory.mktemp("site"), "dev")


def test_every_page_is_in_the_site_and_is_found_by_the_search(site):
    found = {each["location"].partition("#")[0] for each in json.loads((site / "search.json").read_text())["items"]}
    for page in pages_of(ROOT):
        place = str(page.target.with_suffix("")).removesuffix("index").strip("/")
        assert (site / place / "index.html").is_file(), page.target
        assert f"{place}/".removeprefix("/") in found, page.target


def test_every_picture_of_a_page_is_in_the_site(site):
    assert pictures_of(ROOT)
    for picture in pictures_of(ROOT):
        page = (site / picture.parent / "index.html").read_text()
        shown = re.search(rf'<img[^>]*src="?([^"> ]*{picture.name})', page)
        assert shown, picture
        assert (site / picture.parent / shown[1]).read_bytes() == (ROOT / "docs" / picture).read_bytes()


def test_every_provider_has_its_page_its_reference_and_its_changelog(site):
    providers = [each for each in packages_of(ROOT) if each.is_provider]
    assert providers
    for each in providers:
        (manifest,) = (ROOT / each.folder).glob("src/*/provider.toml")
        pages = [site / each.folder / name / "index.html" for name in ("", "reference", "changelog")]
        assert all(page.is_file() for page in pages), each.name
        text = pages[1].read_text()
        assert [
            name for name in re.findall(r'^id = "(.+)"', manifest.read_text(), re.MULTILINE) if name not in text
        ] == []


def test_the_site_loads_nothing_from_elsewhere(site):
    loading = re.compile(
        r'<(?:script|img|iframe)[^>]*src="?(?:https?:)?//|<link[^>]*(?:stylesheet|icon)[^>]*href="?(?:https?:)?//'
    )
    pages = list(site.rglob("*.html"))
    assert [str(page) for page in pages if loading.search(page.read_text())] == []
    assert len(pages) > 50


@pytest.fixture
def small(tmp_path):
    """A repository with two pages."""
    root = tmp_path / "root"
    for folder in ("docs/tutorial", "docs/reference", "docs/adr"):
        (root / folder).mkdir(parents=True)
    shutil.copy(ROOT / "CONTRIBUTING.md", root / "unused.md")
    (root / "CONTRIBUTING.md").write_text("# Contributing\n")
    (root / "docs" / "README.md").write_text(
        "# Docs\n\n[a](reference/a.md#part), [all](reference/), [file](../unused.md)\n"
    )
    (root / "docs" / "reference" / "a.md").write_text("# A\n\n## Part\n\n```text\n[no](link.md)\n```\n")
    return root


def test_links_between_files_become_links_between_pages_and_versions_stand_beside_each_other(small, tmp_path):
    out = tmp_path / "out"
    home = build_site(small, out, "0.9") / "index.html"
    assert len(re.findall(r'href="?reference/a/(?:#part)?[" >]', home.read_text())) >= 2
    assert ">file<" not in home.read_text(), "what is no page keeps its words alone"
    build_site(small, out, "0.10")
    assert [each["version"] for each in json.loads((out / "versions.json").read_text())] == ["0.10", "0.9"]
    assert "url=0.10/" in (out / "index.html").read_text()
    assert home.is_file()


def test_every_page_offers_the_versions_that_are_there(site):
    """The menu of the theme reads the list of versions from above the folder of its own."""
    (theme,) = (site / "assets" / "javascripts").glob("bundle.*.min.js")
    assert 'new URL("../versions.json",' in theme.read_text()
    offered = json.loads((site.parent / "versions.json").read_text())
    assert all((site.parent / each["version"] / "index.html").is_file() for each in offered)
    for page in site.rglob("index.html"):
        (settings,) = re.findall(r"<script id=\"?__config\"?[^>]*>(.*?)</script>", page.read_text())
        found = json.loads(settings)
        assert found["version"]["provider"] == "mike", page
        assert (page.parent / found["base"]).resolve() == site.resolve(), page


OLD_TOOLS = """
import pathlib, sys
out, version = pathlib.Path(sys.argv[2]), sys.argv[4]
(out / version).mkdir(parents=True, exist_ok=True)
(out / version / "index.html").write_text(pathlib.Path("docs/README.md").read_text())
"""
PROJECT = """
[project]
name = "old"
version = "0"
requires-python = ">=3.11"
[dependency-groups]
site = []
"""
LOCK = """
version = 1
requires-python = ">=3.11"
[[package]]
name = "old"
version = "0"
source = { virtual = "." }
[package.metadata.requires-dev]
site = []
"""


@pytest.fixture
def clone(small, monkeypatch):
    """The small repository as a clone whose commits bring tools of their own; what commits its pages with a text and returns the id."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "ann")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ann@example.test")
    monkeypatch.delenv("UV_PROJECT_ENVIRONMENT", raising=False)
    (small / "tools").mkdir()
    repository = Repository(small)
    repository.git("init", "--quiet")

    def committed(text, tools=OLD_TOOLS):
        files = {"docs/README.md": text, "tools/docsite.py": tools, "pyproject.toml": PROJECT, "uv.lock": LOCK}
        for name, body in files.items():
            (small / name).write_text(body)
        repository.git("add", "--all")
        repository.git("commit", "--quiet", "--message", "Change the pages")
        return repository.commit()

    return committed


def test_what_was_released_is_built_from_its_commit_by_its_own_tools(clone, small, tmp_path, capsys):
    commits = [clone("# First\n"), clone("# [gone](gone.md)\n"), clone("# Broken\n", "raise SystemExit('no pages')")]
    clone("# Today\n")
    rows = [Release("core", version, commits[0], "") for version in ("0.1.0", "0.2.0rc1")]
    rows += [Release("core", "0.1.1", commits[1], ""), Release("other", "7.0", commits[0], "")]
    (small / "releases.toml").write_text(text_of(rows))
    out = tmp_path / "out"
    assert main(["--root", str(small), "--out", str(out), "--released"]) == 0, capsys.readouterr().err
    assert sorted(path.name for path in out.iterdir()) == ["0.1", "dev", "index.html", "versions.json"]
    assert (out / "0.1" / "index.html").read_text() == "# [gone](gone.md)\n", "the last one of the minor, as it was"
    assert [each["version"] for each in json.loads((out / "versions.json").read_text())] == ["0.1", "dev"]

    (small / "releases.toml").write_text(text_of([*rows, Release("core", "0.3.0", commits[2], "")]))
    assert main(["--root", str(small), "--out", str(out), "--released"]) == 1
    assert "the pages of core 0.3.0 cannot be built" in capsys.readouterr().err


def test_each_minor_version_has_the_pages_of_its_last_release():
    versions = ("0.9.0", "0.10.0", "0.10.11", "0.10.2", "1.0rc1", "1.0", "1.1.0b2")
    found = released_versions([Release("core", each, each, "") for each in versions])
    assert {minor: release.version for minor, release in found.items()} == {
        "0.9": "0.9.0",
        "0.10": "0.10.11",
        "1.0": "1.0",
    }


@pytest.mark.parametrize("name", ["../x", "", "1.x", "latest", ".", "1 0", "\uff11.0"])
def test_a_version_that_is_none_is_refused(name, tmp_path, capsys):
    assert main(["--out", str(tmp_path / "out"), "--version", name]) == 1
    assert f"found {name!r}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("place", "text", "said"),
    [
        pytest.param(
            "docs/reference/a.md", "# A\n\n[b](b.md)\n", "a link to b.md, which is not there", id="no such page"
        ),
        pytest.param(
            "docs/tutorial/t.md", "# T\n\n[a](../reference/a.md#whole)\n", "anchor does not exist", id="no such part"
        ),
        pytest.param(
            "docs/reference/a.md", "# A\n\n```console\n$ penstock up\n```\n", "no test types those", id="unrun command"
        ),
        pytest.param(
            "docs/reference/a.md", "# A\n\n```python\ndef f(:\n```\n", "is no Python", id="snippet of no language"
        ),
    ],
)
def test_what_is_broken_is_refused_and_leaves_the_site_that_was(small, tmp_path, place, text, said):
    (small / place).write_text(text)
    with pytest.raises(BrokenDocs) as refusal:
        build_site(small, tmp_path / "out", "dev")
    assert said in re.sub(r"\x1b\[[0-9;]*m", "", str(refusal.value))
    assert not (tmp_path / "out").exists()


def test_the_navigation_keeps_the_order_of_the_pages():
    tree = navigation(pages_of(ROOT))
    assert [next(iter(each)) for each in tree][:3] == ["Home", "Tutorials", "How to"]


@pytest.mark.parametrize(
    ("names", "order"),
    [(["0.9", "dev", "0.10"], ["0.10", "0.9", "dev"]), (["dev"], ["dev"]), (["1.0", "1.0rc1"], ["1.0", "1.0rc1"])],
)
def test_the_newest_release_is_the_first_version(names, order):
    assert ordered(names) == order
    assert latest(ordered(names)) == order[0]


def test_a_reference_says_what_is_required_and_what_is_the_default():
    page = reference(
        'id = "acme"\nname = "Acme"\ndoc = "Acme."\nspec = ">=1,<2"\n[[operators]]\nid = "acme.run"\nobject = "penstock_acme.ops:Run"\n'
        'doc = "Runs."\nstate = "deprecated"\nreplacement = "acme.go"\n'
        'parameters = [{ name = "a", type = "str | None", required = true, doc = "One." }, { name = "b", default = 2 }]\n'
    )
    assert "### Run" in page
    assert "It is deprecated; `acme.go` replaces it." in page
    assert "| `a` | `str \\| None` | required | One. |" in page
    assert "| `b` | `str` | `2` |  |" in page
