"""Distributions made on the spot, as installers leave them."""

import os
import zipfile

import pytest

MANIFEST = """\
schema = 1
id = "{id}"
name = "{id}"
doc = "A provider."
spec = ">=1,<2"
imports = ["penstock_{id}"]
"""


class Site:
    """A folder for installed distributions.

    Attributes:
        folder: What stands on the path.
    """

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def info(self, provider, *, name="", version="1.2", suffix=".dist-info", entry_points=None, metadata=None, stem=""):
        """Write a distribution's metadata; its folder is returned."""
        name = name or f"penstock-providers-{provider}"
        info = self.folder / f"{stem or name.replace('-', '_')}-{version}{suffix}"
        info.mkdir()
        text = f"[penstock.providers]\n{provider} = penstock_{provider}:provider.toml\n"
        if metadata is None:
            metadata = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n".encode()
        if metadata:
            (info / ("METADATA" if suffix == ".dist-info" else "PKG-INFO")).write_bytes(metadata)
        if entry_points is None:
            entry_points = text.encode()
        if entry_points:
            (info / "entry_points.txt").write_bytes(entry_points)
        return info

    def package(self, provider, *, folder=None, manifest=""):
        """Write a provider's package with its manifest, in this folder unless another is given; its folder is returned."""
        package = (folder or self.folder) / f"penstock_{provider}"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("raise SystemExit('imported')")
        (package / "provider.toml").write_text(manifest or MANIFEST.format(id=provider))
        return package

    def provider(self, provider, *, manifest="", **info):
        """Write both; the metadata's folder is returned."""
        self.package(provider, manifest=manifest)
        return self.info(provider, **info)

    def zipped(self, file):
        """Pack the folder into a zip file and return its path."""
        with zipfile.ZipFile(file, "w") as archive:
            for path in sorted(self.folder.rglob("*")):
                archive.write(path, path.relative_to(self.folder))
        return file


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "site")


@pytest.fixture
def settled():
    """A function that makes all files of a folder old enough for a cache."""

    def settle(folder):
        for path in [folder, *folder.rglob("*")]:
            os.utime(path, (1_700_000_000, 1_700_000_000), follow_symlinks=False)

    return settle
