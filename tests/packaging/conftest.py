"""A world of its own for each test: a project, an environment, and the manager as a program, against a real local index."""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from penstock_plugin_manager.cli import main
from penstock_plugin_manager.registry import COMMANDS, command_parser
from penstock_testkit.commands.fork_server import ForkServer
from penstock_testkit.package_index import pypiserver
from penstock_testkit.wheels import small_manifest, write_provider, write_wheel

CORE = {"penstock/__init__.py": "", "penstock/spec/__init__.py": "", "penstock/spec/plugin.py": "SPEC_VERSION = 1\n"}
HUGE = 3 << 20
PATIENCE_S = 110.0
SITE = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"


def write_universe(folder: Path) -> None:
    """Write the wheels of a small ecosystem: two cores, libraries, and providers of every kind, some broken on purpose."""
    for version in ("0.1.0", "0.2.0"):
        write_wheel(folder, "penstock-core", version, files=CORE)
    for name, versions in {
        "lib-a": ("1.0", "1.5"),
        "lib-c": ("1.0", "2.0"),
        "lib-fast": ("1.0",),
        "lib-deep": ("1.0",),
    }.items():
        for version in versions:
            write_wheel(folder, name, version, files={f"{name.replace('-', '_')}.py": f"VERSION = {version!r}\n"})
    write_wheel(folder, "lib-b", "1.0", files={"lib_b.py": ""}, requires=["lib-deep"])
    write_wheel(folder, "boto3", "1.0", files={"boto3.py": ""})
    write_wheel(folder, "lib-cloudy", "1.0", files={"lib_cloudy.py": ""}, requires=["boto3"])
    _sound(folder)
    _broken(folder)


def _sound(folder: Path) -> None:
    core = "penstock-core>=0.1"
    for version in ("1.0", "1.1", "2.0"):
        write_provider(folder, "alpha", version, requires=[core, "lib-a"])
    write_provider(folder, "beta", requires=[core, "lib-b"])
    write_provider(folder, "gamma", requires=[core, "lib-fast; extra == 'fast'"], extras=["fast"], manifest=_gamma())
    write_provider(folder, "left", requires=[core, "lib-c<2"])
    write_provider(folder, "right", requires=[core, "lib-c>=2"])
    write_provider(folder, "huge", files={"penstock_huge/data.bin": b"\0" * HUGE})
    write_provider(folder, "clouded", requires=[core, "lib-cloudy"])
    write_provider(folder, "cloud", requires=[core, "boto3"])
    write_provider(folder, "salesy", manifest=_salesy())
    write_provider(folder, "store", manifest=_store())
    write_provider(folder, "acme", distribution="acme-workflows")
    for state in ("experimental", "suspended"):
        write_provider(folder, f"is_{state}", manifest=small_manifest(f"is_{state}", top=f'state = "{state}"'))
    top = 'state = "deprecated"\nreplacement = "beta"\nuntil = "2027-01-01"'
    write_provider(folder, "is_deprecated", manifest=small_manifest("is_deprecated", top=top))
    write_provider(
        folder, "is_removed", manifest=small_manifest("is_removed", top='state = "removed"\nreplacement = "beta"')
    )


def _broken(folder: Path) -> None:
    write_provider(folder, "raising", code='raise RuntimeError("imported a provider")\n')
    write_provider(folder, "no_toml", manifest="this is = no [toml")
    write_provider(folder, "bad_manifest", manifest='schema = 1\nid = "bad_manifest"\n')
    write_provider(folder, "misnamed", manifest=small_manifest("other"))
    write_provider(folder, "alpha", distribution="rival-workflows")
    write_provider(folder, "new_core", requires=["penstock-core>=9"])
    write_provider(folder, "old_core", requires=["penstock-core<0.2"])
    write_provider(folder, "new_spec", manifest=small_manifest("new_spec", spec=">=2"))
    write_provider(folder, "old_python", tag="cp39-cp39-manylinux_2_17_x86_64")


def _gamma() -> str:
    tables = (
        '[[operators]]\nid = "gamma.fast"\nobject = "penstock_gamma.fast:Fast"\ndoc = "Runs fast."\nextra = "fast"\n'
    )
    return small_manifest("gamma", tables=tables + '[extras]\nfast = "Runs fast."\n')


def _salesy() -> str:
    tables = '[[connections]]\ntype = "salesy"\ndoc = "A double-entry bookkeeper."\nschemes = ["salesy"]\n'
    tables += '[[hooks]]\nid = "salesy.client"\nobject = "penstock_salesy.hooks:Client"\ndoc = "A client."\nconnection_type = "salesy"\n'
    return small_manifest("salesy", tables=tables)


def _store() -> str:
    tables = (
        '[[object_stores]]\nid = "store.s4"\nobject = "penstock_store.storage:S4"\ndoc = "Objects."\nscheme = "s4"\n'
    )
    return small_manifest("store", tables=tables)


class Said(NamedTuple):
    """What the manager said."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The data of the JSON document."""
        return json.loads(self.out)["data"]

    @property
    def error(self) -> Any:
        """The error of the JSON document."""
        return json.loads(self.out)["error"]


class World:
    """A project folder with an environment, and the manager as a program.

    Attributes:
        index: URL of the index; every call that takes sources is given it.
    """

    def __init__(self, folder: Path, resolver: str, index: str, wheels: Path, caches: Path) -> None:
        self.folder, self.resolver, self.index, self.wheels = folder, resolver, index, wheels
        self.env = folder / ".venv"
        self.intent, self.lock = folder / "penstock.toml", folder / "pylock.toml"
        hidden = ("PIP_", "UV_", "PENSTOCK_", "VIRTUAL_ENV", "PYTHONPATH")
        self.variables = {name: text for name, text in os.environ.items() if not name.startswith(hidden)}
        self.variables |= {
            "PENSTOCK_CACHE": str(folder / "cache"), "UV_CACHE_DIR": str(caches / "uv"), "PIP_CACHE_DIR": str(caches / "pip"),
            "UV_PYTHON_DOWNLOADS": "never", "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1", "NO_COLOR": "1",
        }  # fmt: skip

    def make(self, *, generations: bool = False) -> World:
        """Make the environment."""
        if generations:
            self.pm("init")
        else:
            # Nothing in it but the scripts of shells names its folder, and these no test runs.
            empty = Path(self.variables["UV_CACHE_DIR"]).with_name("empty")
            if not empty.exists():
                subprocess.run([sys.executable, "-m", "uv", "venv", "-q", str(empty)], check=True, env=self.variables)
            shutil.copytree(empty, self.env, symlinks=True)
        return self

    def command(self, *words: str, sources: bool | None = None) -> list[str]:
        """Return the command line of a call, with the resolver and, where the command takes any, the index."""
        with_sources = sources if sources is not None else words[0] in _TAKING
        line = [sys.executable, "-m", "penstock_plugin_manager", *words, "--resolver", self.resolver]
        return [*line, *(["--index-url", self.index] if with_sources and "--find-links" not in words else [])]

    def pm(self, *words: str, expect: int | None = 0, sources: bool | None = None, **variables: str) -> Said:
        """Run the manager in the project folder and expect an exit code."""
        command, environ = self.command(*words, sources=sources), {**self.variables, **variables}
        said = Said(*_manager().run(command[3:], self.folder, environ, seconds=PATIENCE_S))
        assert "Traceback" not in said.err, said.err
        assert expect is None or said.code == expect, f"{words}: exit {said.code}\n{said.out}\n{said.err}"
        return said

    def json(self, *words: str, expect: int = 0) -> Any:
        """Run the manager with ``--json`` and return its data."""
        return self.pm(*words, "--json", expect=expect).data

    def standing(self) -> dict[str, str]:
        """Return the distributions that stand in the environment, read by ``importlib.metadata`` in its own Python."""
        code = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
        done = subprocess.run(
            [self.env / "bin" / "python", "-I", "-c", code], capture_output=True, text=True, check=True
        )
        found: dict[str, str] = json.loads(done.stdout)
        return found

    def sound(self) -> dict[str, str]:
        """Prove that each installed file is the recorded one and that each module can be imported; return what stands."""
        done = subprocess.run(
            [self.env / "bin" / "python", "-I", "-B", "-c", _PROOF], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, str] = json.loads(done.stdout)
        return found

    def copy_of(self, template: World) -> World:
        """Make this world what another one is; the environment does not notice, as nothing in it names its folder."""
        shutil.copytree(template.folder, self.folder, symlinks=True, dirs_exist_ok=True)
        return self

    def picture(self) -> dict[str, bytes]:
        """Return every file of the environment and the project that matters, to compare before and after."""
        found = {}
        for root in (self.env / "lib", self.env / "bin"):
            for path in sorted(root.resolve().rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    found[str(path.relative_to(root.resolve().parent))] = path.read_bytes()
        for path in (self.intent, self.lock):
            found[path.name] = path.read_bytes() if path.is_file() else b""
        return found


@functools.cache
def _manager() -> ForkServer:
    """The process of which each command of a manager is a fork."""
    made = ForkServer("penstock_plugin_manager.cli:main", "penstock_plugin_manager")
    atexit.register(made.close)
    return made


_PROOF = """
import base64, hashlib, importlib, importlib.metadata, json
found = {}
for dist in importlib.metadata.distributions():
    found[dist.name] = dist.version
    for file in dist.files:
        if file.hash:
            digest = hashlib.new(file.hash.mode, file.read_binary()).digest()
            assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == file.hash.value, f"{file} was changed"
        else:
            assert file.locate().exists(), f"{file} is missing"
        if file.suffix == ".py" and file.parts[0] != "..":
            importlib.import_module(".".join(file.with_suffix("").parts).removesuffix(".__init__"))
print(json.dumps(found))
"""
_TAKING = {
    "install", "remove", "upgrade", "plan", "prune", "sync", "resolve", "lock", "search", "which", "info", "audit", "verify",
    "isolate", "doctor",
}  # fmt: skip


@pytest.fixture(scope="session")
def universe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the ecosystem's wheels."""
    folder = tmp_path_factory.mktemp("universe") / "wheels"
    write_universe(folder)
    return folder


@pytest.fixture(scope="session")
def index_url(universe: Path) -> Iterator[str]:
    """The simple API of a real pypiserver that has the ecosystem."""
    with pypiserver(universe) as url:
        yield url


@pytest.fixture(scope="session")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Caches of uv and pip for this session, as equal names hold other wheels elsewhere."""
    return tmp_path_factory.mktemp("caches")


@pytest.fixture(scope="session")
def new_world(index_url: str, universe: Path, caches: Path) -> Callable[[Path], World]:
    """Make a world in a folder, managed with uv."""
    return lambda folder: World(folder, "uv", index_url, universe, caches)


@pytest.fixture(params=["uv", pytest.param("pip", marks=pytest.mark.nightly)])
def resolver(request: pytest.FixtureRequest) -> str:
    """Each adapter in turn: all there is with pip at night, and what names both with each change."""
    return str(request.param)


@pytest.fixture
def empty_world(tmp_path: Path, resolver: str, index_url: str, universe: Path, caches: Path) -> World:
    """A project folder without an environment."""
    return World(tmp_path, resolver, index_url, universe, caches)


@pytest.fixture(scope="session")
def stocked_template(
    tmp_path_factory: pytest.TempPathFactory, index_url: str, universe: Path, caches: Path
) -> Callable[[str], World]:
    """Return, by resolver, a world in which some providers were installed once, to be copied."""

    @functools.cache
    def made(resolver: str) -> World:
        world = World(tmp_path_factory.mktemp("stocked"), resolver, index_url, universe, caches).make()
        world.pm("install", "alpha<1.1", "beta", "left")
        return world

    return made


@pytest.fixture
def stocked(empty_world: World, stocked_template: Callable[[str], World]) -> World:
    """A project with a plain environment in which ``alpha<1.1``, ``beta`` and ``left`` are installed."""
    return empty_world.copy_of(stocked_template(empty_world.resolver))


@pytest.fixture
def world(empty_world: World) -> World:
    """A project folder with a plain, empty environment."""
    return empty_world.make()


@pytest.fixture
def uv_world(tmp_path: Path, index_url: str, universe: Path, caches: Path) -> World:
    """A project folder with a plain, empty environment, for what does not depend on the adapter."""
    return World(tmp_path, "uv", index_url, universe, caches).make()


@pytest.fixture
def generations(tmp_path: Path, index_url: str, universe: Path, caches: Path) -> World:
    """A project folder with an environment that has generations."""
    return World(tmp_path, "uv", index_url, universe, caches).make(generations=True)


@pytest.fixture
def own_wheels(tmp_path: Path, universe: Path) -> Path:
    """A copy of the ecosystem's wheels that a test may change."""
    folder = tmp_path / "own-wheels"
    shutil.copytree(universe, folder)
    return folder


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, new_world: Callable[[Path], World]) -> World:
    """A project in which every command that changes anything has something to change."""
    world = new_world(tmp_path_factory.mktemp("options")).make(generations=True)
    world.pm("install", "alpha<2", "beta")
    world.pm("install", "left")
    world.pm("isolate", "right")
    world.pm("remove", "beta")
    world.pm("disable", "left")
    (world.folder / "dags").mkdir()
    (world.folder / "dags" / "a.py").write_text("import penstock_alpha\n")
    package = world.folder / "linked" / "src" / "penstock_beta"
    package.mkdir(parents=True)
    (package / "provider.toml").write_text(small_manifest("beta"))
    (package.parents[1] / "pyproject.toml").write_text(
        '[project]\nname = "penstock-providers-beta"\nversion = "9.0"\n'
        'entry-points."penstock.providers".beta = "penstock_beta:provider.toml"\n'
    )
    world.intent.write_text(world.intent.read_text().replace("alpha<2", "alpha"))
    (world.env / SITE / "lib_a.py").write_text("EDITED = 1\n")
    return world


@pytest.fixture
def call(
    project: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Run the manager on that project in this process; return its exit code and all that it said."""
    monkeypatch.chdir(project.folder)
    for name in set(os.environ) - set(project.variables):
        monkeypatch.delenv(name)
    for name, text in project.variables.items():
        monkeypatch.setenv(name, text)

    def run(*words: str) -> tuple[int, str]:
        parser = command_parser(words[0])[0] if words[0] in COMMANDS else None
        offered = {flag for action in (parser._actions if parser else ()) for flag in action.option_strings}
        takes = "--index-url" in offered and words[0] not in {"list", "policy"} and "--index-url" not in words
        code = main([*words, *(["--index-url", project.index] if takes else [])])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run
