"""Providers made on the spot: a site folder with metadata, a package and a manifest."""

from pathlib import Path

import pytest

MANIFEST = """
schema = 1
id = "{id}"
name = "{id}"
doc = "A provider."
spec = ">=1,<2"
imports = ["penstock_{id}"]
"""


class Site:
    """A folder on sys.path into which providers are written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def provider(self, name, manifest="", *, code="", plugin="", distribution="", package_folder=None, whole=None):
        """Write a distribution with one provider; ``manifest`` is appended to a good head, ``whole`` replaces it."""
        distribution = distribution or f"penstock-providers-{name}"
        info = self.folder / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir(parents=True)
        info.joinpath("METADATA").write_text(
            f"Metadata-Version: 2.4\nName: {distribution}\nVersion: 1.2\n\nVersion: no\n"
        )
        info.joinpath("entry_points.txt").write_text(
            f"[console_scripts]\nx = y:z\n\n[penstock.providers]\n{name} = penstock_{name}:provider.toml\n"
            "[other]\na = b\n"
        )
        package = (package_folder or self.folder) / f"penstock_{name}"
        package.mkdir(parents=True, exist_ok=True)
        package.joinpath("__init__.py").write_text(code)
        package.joinpath("plugin.py").write_text(plugin)
        text = MANIFEST.format(id=name) + manifest if whole is None else whole
        package.joinpath("provider.toml").write_text(text)
        return info


@pytest.fixture
def site(tmp_path, monkeypatch):
    made = Site(tmp_path / "site")
    made.folder.mkdir()
    monkeypatch.syspath_prepend(str(made.folder))
    return made
