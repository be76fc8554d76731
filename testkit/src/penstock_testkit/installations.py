"""Kinds of installation of a provider, made on disk as installers, builders and people leave them.

What finds providers is tested with each of them: discovery, its cache, the core's host and the plugin manager.
"""

import os
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from penstock_manifest.environments import SearchPath, environment_path, search_path

_MANIFEST = """\
schema = 1
id = "{id}"
name = "{id}"
doc = "A provider."
spec = ">=1,<2"
imports = ["penstock_{id}"]
"""


class Site:
    """A folder for installed distributions; missing folders are made.

    Attributes:
        folder: What stands on the path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def info(
        self,
        provider: str,
        *,
        name: str = "",
        version: str = "1.2",
        suffix: str = ".dist-info",
        entry_points: bytes | None = None,
        metadata: bytes | None = None,
        stem: str = "",
    ) -> Path:
        """Write a distribution's metadata; its folder is returned.

        Args:
            provider: Id of the provider that it announces.
            name: Name of the distribution, that of the id unless given.
            version: Its version.
            suffix: Ending of the folder's name.
            entry_points: The file of entry points; one that announces the provider unless given, none if empty.
            metadata: The file of fields; sound unless given, none if empty.
            stem: The folder's name before the version, that of the distribution unless given.
        """
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

    def package(
        self, provider: str, *, folder: Path | None = None, manifest: str = "", modules: Mapping[str, str] | None = None
    ) -> Path:
        """Write a provider's package; its folder is returned.

        Args:
            provider: Id of the provider.
            folder: Where the package is to stand, unless in this folder.
            manifest: Its manifest, one without a capability unless given.
            modules: Texts of its modules by their names; without them, whoever imports the package ends.
        """
        package = (folder or self.folder) / f"penstock_{provider}"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("raise SystemExit('imported')" if modules is None else "")
        for name, text in (modules or {}).items():
            (package / f"{name}.py").write_text(text)
        (package / "provider.toml").write_text(manifest or _MANIFEST.format(id=provider))
        return package

    def provider(
        self,
        provider: str,
        *,
        manifest: str = "",
        modules: Mapping[str, str] | None = None,
        **info: Any,  # noqa: ANN401 - as for `info`
    ) -> Path:
        """Write package and metadata, as `package` and `info` do; the metadata's folder is returned."""
        self.package(provider, manifest=manifest, modules=modules)
        return self.info(provider, **info)

    def zipped(self, file: Path) -> Path:
        """Pack the folder into a zip file and return its path."""
        with zipfile.ZipFile(file, "w") as archive:
            for path in sorted(self.folder.rglob("*")):
                archive.write(path, path.relative_to(self.folder))
        return file


class Installation:
    """A provider ``zoo`` that is installed in some way, and where a Python has to look for it.

    Attributes:
        root: Folder of all that is made.
        site: Its site folder.
        folders: Folders that stand on the path as they are, like those of ``PYTHONPATH``.
        sites: Site folders, whose ``.pth`` files are read.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.site = root, Site(root / "site")
        self.folders: list[Path] = []
        self.sites = [self.site.folder]
        self._where: SearchPath | None = None

    @property
    def where(self) -> SearchPath:
        """Where a Python that has these folders looks."""
        pythonpath = os.pathsep.join(map(str, self.folders))
        return self._where or search_path(*map(str, self.sites), pythonpath=pythonpath)

    def looks_as(self, where: SearchPath) -> None:
        """Say where a Python looks, instead of having it derived from the folders."""
        self._where = where

    def settle(self) -> None:
        """Make all files old enough for a cache, which keeps nothing about what has just been changed."""
        settle(self.root)


def settle(folder: Path) -> None:
    """Make all files of a folder old enough for a cache."""
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (1_700_000_000, 1_700_000_000), follow_symlinks=False)


def _wheel(made: Installation) -> None:
    made.site.provider("zoo")


def _editable_by_path(made: Installation) -> None:
    made.site.package("zoo", folder=made.root / "source")
    made.site.info("zoo")
    (made.site.folder / "_editable_made.pth").write_text(f"# comment\n{made.root / 'source'}\n")


def _editable_by_setuptools_finder(made: Installation) -> None:
    package = made.site.package("zoo", folder=made.root / "source" / "flat")
    made.site.info("zoo")
    (made.site.folder / "__editable__.zoo-1.pth").write_text("import zoo_finder; zoo_finder.install()")
    (made.site.folder / "zoo_finder.py").write_text(
        "import sys\nfrom importlib.util import spec_from_file_location\nfrom pathlib import Path\n"
        f"MAPPING: dict[str, str] = {{'penstock_zoo': {str(package)!r}}}\n"
        "class Finder:\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        "        if name in MAPPING:\n"
        "            return spec_from_file_location(name, Path(MAPPING[name], '__init__.py'))\n"
        "def install():\n    sys.meta_path.append(Finder)\n"
    )


def _egg_info_folder(made: Installation) -> None:
    made.site.package("zoo")
    made.site.info("zoo", suffix=".egg-info")


def _egg_info_file(made: Installation) -> None:
    made.site.package("zoo")
    (made.site.folder / "penstock_providers_zoo-1.2.egg-info").write_text(
        "Metadata-Version: 1.0\nName: x\nVersion: 1\n"
    )


def _egg_link_of_develop(made: Installation) -> None:
    source = Site(made.root / "source")
    source.package("zoo")
    source.info("zoo", suffix=".egg-info")
    (made.site.folder / "penstock-providers-zoo.egg-link").write_text(f"{source.folder}\n.")
    (made.site.folder / "easy-install.pth").write_text(f"{source.folder}\n")


def _egg_folder(made: Installation) -> None:
    egg = Site(made.root / "zoo-1.2-py3.egg")
    egg.package("zoo")
    egg.info("zoo", suffix=".egg-info").rename(egg.folder / "EGG-INFO")
    made.folders = [egg.folder]


def _zip_file(made: Installation) -> None:
    packed = Site(made.root / "packed")
    packed.provider("zoo")
    made.folders = [packed.zipped(made.root / "zoo.whl")]


def _extras_in_the_value(made: Installation) -> None:
    made.site.package("zoo")
    made.site.info("zoo", entry_points=b"[penstock.providers]\nzoo = penstock_zoo:provider.toml [fast]\n")


def _two_versions_on_the_path(made: Installation) -> None:
    made.site.provider("zoo", version="2.0")
    other = Site(made.root / "other")
    other.provider("zoo", version="1.0")
    made.sites.append(other.folder)


def _two_versions_in_one_folder(made: Installation) -> None:
    made.site.provider("zoo", version="2.0")
    made.site.info("zoo", version="1.0")


def _a_rest_without_metadata_first(made: Installation) -> None:
    made.site.info("zoo", metadata=b"", entry_points=b"\n")
    other = Site(made.root / "other")
    other.provider("zoo", version="2.0")
    made.sites.append(other.folder)


def _names_in_other_letters(made: Installation) -> None:
    made.site.provider("zoo", stem="Penstock.Providers-Zoo".replace("-", "_"))
    other = Site(made.root / "other")
    other.provider("zoo", stem="penstock_providers_zoo", version="9")
    made.sites.append(other.folder)


def _broken_metadata(made: Installation) -> None:
    made.site.provider("zoo", metadata=b"no header\n")
    made.site.info("zoo2", metadata=b"")


def _no_entry_points(made: Installation) -> None:
    made.site.package("zoo")
    made.site.info("zoo", entry_points=b"")


def _crlf_and_comments(made: Installation) -> None:
    made.site.package("zoo")
    text = b"# c\r\n[other]\r\nzoo = a:b\r\n\r\n[penstock.providers]\r\n# c\r\n  zoo=penstock_zoo:provider.toml  \r\n; x = y:z\r\n"
    made.site.info("zoo", entry_points=text)


def _bom(made: Installation) -> None:
    made.site.package("zoo")
    made.site.info("zoo", entry_points=b"\xef\xbb\xbf[penstock.providers]\nzoo = penstock_zoo:provider.toml\n")


def _section_twice(made: Installation) -> None:
    (made.site.package("zoo") / "b.toml").write_text(_MANIFEST.format(id="zoo_b"))
    text = b"[penstock.providers]\nzoo = penstock_zoo:provider.toml\n[x]\na=b\n[penstock.providers]\nzoo_b = penstock_zoo:b.toml\n"
    made.site.info("zoo", entry_points=text)


def _not_utf8(made: Installation) -> None:
    made.site.provider("zoo")
    made.site.info("zoo2", entry_points=b"[penstock.providers]\nzoo2 = \xff:provider.toml\n")


def _unreadable_folder(made: Installation) -> None:
    made.site.provider("zoo")
    loop = made.root / "loop"  # listing it is an error for every user; what has no permissions is open to root
    loop.symlink_to(loop)
    made.folders = [loop]


def _linked_site(made: Installation) -> None:
    real = Site(made.root / "real")
    real.provider("zoo")
    (made.root / "link").symlink_to(real.folder)
    made.sites = [made.root / "link"]


def _path_entry_twice(made: Installation) -> None:
    made.site.provider("zoo")
    made.folders = [made.site.folder]


def _path_entries_that_are_nothing(made: Installation) -> None:
    made.site.provider("zoo")
    (made.root / "file.txt").write_text("no zip")
    made.folders = [made.root / "file.txt", made.root / "gone"]


def _namespace_package(made: Installation) -> None:
    package = made.site.package("zoo")
    (package / "data").mkdir()
    (package / "__init__.py").unlink()
    (package / "provider.toml").rename(package / "data" / "provider.toml")
    made.site.info("zoo", entry_points=b"[penstock.providers]\nzoo = penstock_zoo.data:provider.toml\n")


def _venv_that_sees_user_and_system(made: Installation) -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    sites = [made.root / prefix / "lib" / version / "site-packages" for prefix in ("env", "home/.local", "base")]
    for number, folder in enumerate(sites):
        site = Site(folder)
        site.provider("zoo", version=f"{9 - number}")
        site.provider(f"zoo_{number}")
    config = f"home = {made.root / 'base' / 'bin'}\ninclude-system-site-packages = true\nversion = {version[6:]}.1\n"
    (made.root / "env" / "pyvenv.cfg").write_text(config)
    made.sites = sites
    made.looks_as(environment_path(str(made.root / "env"), {"HOME": str(made.root / "home")}))


def _two_distributions_with_one_id(made: Installation) -> None:
    made.site.provider("zoo")
    made.site.info("zoo", name="rival")


def _manifest_left_out(made: Installation) -> None:
    made.site.info("zoo")


def _manifest_that_is_refused(made: Installation) -> None:
    made.site.provider("zoo", manifest="schema = 1\nid = 'other'\n")


INSTALLATIONS: dict[Callable[[Installation], None], list[str] | None] = {
    _wheel: ["zoo"], _editable_by_path: ["zoo"], _editable_by_setuptools_finder: ["zoo"], _egg_info_folder: ["zoo"],
    _egg_info_file: [], _egg_link_of_develop: ["zoo"], _egg_folder: ["zoo"], _zip_file: ["zoo"], _extras_in_the_value: ["zoo"],
    _two_versions_on_the_path: ["zoo"], _two_versions_in_one_folder: ["zoo"], _a_rest_without_metadata_first: ["zoo"],
    _names_in_other_letters: ["zoo"], _broken_metadata: None, _no_entry_points: [], _crlf_and_comments: ["zoo"], _bom: [],
    _section_twice: ["zoo", "zoo_b"], _not_utf8: None, _unreadable_folder: ["zoo"], _linked_site: ["zoo"],
    _path_entry_twice: ["zoo"], _path_entries_that_are_nothing: ["zoo"], _namespace_package: ["zoo"],
    _venv_that_sees_user_and_system: ["zoo", "zoo_0", "zoo_1", "zoo_2"],
    _two_distributions_with_one_id: ["zoo", "zoo"], _manifest_left_out: ["zoo"], _manifest_that_is_refused: ["zoo"],
}  # fmt: skip
"""What makes each kind, and the ids that are found then; None where the library fails as a whole for one bad neighbour."""

BROKEN = (_two_distributions_with_one_id, _manifest_left_out, _manifest_that_is_refused)
"""Kinds in which the provider is found and cannot be used."""
