"""One call of the manager: the environment, the project and the places that it concerns, found when they are asked for."""

# ruff: noqa: PLC0415  each command pays for what it uses; `list` must start within milliseconds

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.installed.environment import Environment, discover
from penstock_plugin_manager.installed.locate import GENERATIONS, JOURNAL, project_folder
from penstock_plugin_manager.output import Console

if TYPE_CHECKING:
    from pathlib import Path

    from penstock_manifest.environments import SearchPath

    from penstock_plugin_manager.catalog.entry import CatalogEntry
    from penstock_plugin_manager.index.client import Client
    from penstock_plugin_manager.index.sources import Sources
    from penstock_plugin_manager.installed.damage import Damage
    from penstock_plugin_manager.installed.links import ProviderLink
    from penstock_plugin_manager.installed.site import Provider
    from penstock_plugin_manager.model.intent import Intent
    from penstock_plugin_manager.model.lock import Lock
    from penstock_plugin_manager.model.requirement import Distribution
    from penstock_plugin_manager.resolve.request import Resolver


class SessionOptions(NamedTuple):
    """Where one call works and where it may look; an empty text leaves it to the project and the machine.

    Attributes:
        env: The environment, by its folder.
        python: The environment, by its interpreter.
        project: Folder of the intent and the lock.
        resolver: ``uv``, ``pip`` or ``auto``.
        wait: Seconds to wait for another manager.
        offline: Whether the network is left alone.
        index_url: Package index to use instead of the configured one.
        extra_index_urls: Other indexes besides.
        find_links: Folders or pages of wheels to use besides.
        no_index: Whether ``find_links`` alone count.
        catalogs: Catalogs that come before the project's.
        ignore_lock: Whether the project's lock is treated as absent.
        lock: Name of the lock file.
    """

    env: str = ""
    python: str = ""
    project: str = ""
    resolver: str = "auto"
    wait: float = 60.0
    offline: bool = False
    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    catalogs: tuple[str, ...] = ()
    ignore_lock: bool = False
    lock: str = "pylock.toml"


class Session:
    """The context of one command.

    Attributes:
        options: Where it works.
        console: Where notes go.
        held: Descriptor of the environment's lock while it is held.
    """

    def __init__(self, options: SessionOptions, console: Console) -> None:
        self.options = options
        self.console = console
        self.held: tuple[int, ...] = ()

    def with_options(self, **changes: Any) -> Session:  # noqa: ANN401  any option of a session
        """Return a session that has read nothing yet, with some options changed."""
        return Session(self.options._replace(**changes), self.console)

    @cached_property
    def environment(self) -> Environment:
        """The managed environment, after any interrupted change to it was finished or undone."""
        self._recover_pointer()
        found = discover(self.options.env, self.options.python, self._start, dict(os.environ))
        journals = (os.path.join(found.state, JOURNAL), os.path.join(found.generations, JOURNAL))  # noqa: PTH118  as above
        if any(os.path.exists(path) for path in journals):  # noqa: PTH110  as above
            from penstock_plugin_manager.apply.recovery import recover_before_reading

            recover_before_reading(found, self.console.note)
            found = discover(self.options.env, self.options.python, self._start, dict(os.environ))
        return found

    @cached_property
    def has_environment(self) -> bool:
        """Whether there is an environment at all."""
        try:
            self.environment  # noqa: B018  asking for it tells
        except ManagerError:
            return False
        return True

    @contextlib.contextmanager
    def holding(self, purpose: str) -> Iterator[None]:
        """Hold the environment's lock; an interrupted change is recovered first.

        Args:
            purpose: What is being done, for whoever has to wait.

        Raises:
            LockedError: another manager held it for longer than this call waits.
        """
        from penstock_plugin_manager.apply.guard import guard
        from penstock_plugin_manager.apply.recovery import lock_folder, recover

        environment = self.environment
        with guard(lock_folder(environment), purpose, self.options.wait, self.console.note) as descriptor:
            self.held = (descriptor,)
            try:
                done = recover(environment)
                if done:
                    self.console.note(done)
                yield
            finally:
                self.held = ()

    def _recover_pointer(self) -> None:
        """Finish an adoption that was killed between its two steps, when no environment can be opened yet."""
        named = self.options.env
        if named and not os.path.lexists(named) and os.path.exists(named.rstrip("/") + GENERATIONS + os.sep + JOURNAL):  # noqa: PTH110  as above
            from pathlib import Path

            from penstock_plugin_manager.apply.generations import recover_generations

            self.console.note(recover_generations(Path(os.path.abspath(named))))  # noqa: PTH100  as above

    @cached_property
    def project(self) -> Path:
        """The folder of ``penstock.toml``: named, found upwards from here, the one around the environment, or this one."""
        from pathlib import Path

        return Path(os.path.abspath(self.options.project or project_folder(self._start) or self._around))  # noqa: PTH100  as above

    @property
    def project_found(self) -> str:
        """The project that is named or found from here; an empty string where the environment decides."""
        return os.path.abspath(self.options.project) if self.options.project else project_folder(self._start) or ""  # noqa: PTH100  as above

    @property
    def warnings(self) -> list[str]:
        """What to know before a change: that nothing names the environment, and it is none of the project's."""
        options, root, project = self.options, self.environment.root, str(self.project)
        named = options.env or options.python or os.environ.get("PENSTOCK_ENV") or os.environ.get("VIRTUAL_ENV")
        if named or not self.project_found or os.path.commonpath([root, project]) == project:
            return []
        place = f"{project} has no .venv, so this is about the environment that plugin-manager runs in, {root}"
        return [f"{place}. Make one for the project with: plugin-manager init"]

    @property
    def _around(self) -> str:
        """The folder around the environment if that was named or holds this one: where the manager is installed is no project."""
        around, here = os.path.dirname(self.environment.root), os.path.abspath(self._start)  # noqa: PTH100,PTH120  as above
        named = self.options.env or self.options.python or os.environ.get("PENSTOCK_ENV")
        return around if named or os.path.commonpath([around, here]) == around else here

    @property
    def _start(self) -> str:
        return self.options.project or os.getcwd()  # noqa: PTH109  as above

    @property
    def intent_path(self) -> Path:
        """The intent file."""
        return self.project / "penstock.toml"

    @property
    def lock_path(self) -> Path:
        """The lock file."""
        return self.project / self.options.lock

    def isolated_lock_path(self, provider_id: str) -> Path:
        """Return the lock file of an isolated provider."""
        return self.project / f"pylock.{provider_id}.toml"

    @cached_property
    def isolated(self) -> dict[str, Session]:
        """A session on the environment of each isolated provider, by id; the environment may be gone."""
        from penstock_plugin_manager.installed.environment import isolated_pythons

        return {
            name: self.with_options(
                env=os.path.dirname(os.path.dirname(python)),  # noqa: PTH120  as above
                python="",
                project=str(self.project),
                lock=self.isolated_lock_path(name).name,
            )
            for name, python in sorted(isolated_pythons(self.environment.root).items())
        }

    @property
    def environments(self) -> dict[str, Session]:
        """The sessions on all environments of the project that are there: the shared one under "", the others by provider id."""
        return {"": self, **{name: own for name, own in self.isolated.items() if own.has_environment}}

    @cached_property
    def every_provider(self) -> list[Provider]:
        """The providers that the core finds: those of the environment, and each isolated one in its own environment alone."""
        found = [each for each in self.providers if each.id not in self.isolated]
        for name, own in self.isolated.items():
            found += [each for each in own.providers if each.id == name] if own.has_environment else []
        return sorted(found, key=lambda each: (each.id, each.distribution))

    @cached_property
    def intent_text(self) -> str:
        """The text of the intent file; empty where there is none."""
        from penstock_plugin_manager.model.toml import read_text

        return read_text(self.intent_path)

    @cached_property
    def intent(self) -> Intent:
        """What the project wants."""
        from penstock_plugin_manager.model.intent import read_intent
        from penstock_plugin_manager.model.toml import parse

        name = str(self.intent_path)
        return read_intent(parse(self.intent_text, name), name)

    @cached_property
    def lock(self) -> Lock | None:
        """The project's lock, or None."""
        if self.options.ignore_lock:
            return None
        return self.read_lock(self.lock_path)

    def read_lock(self, path: Path) -> Lock | None:
        """Return a lock of the project, its relative paths as URLs; None where there is no such file."""
        from penstock_plugin_manager.model.toml import read_text

        return self.lock_of(read_text(path), path)

    def lock_of(self, text: str, path: Path) -> Lock | None:
        """Return the lock that a text of a lock file holds, its relative paths as URLs; None for an empty text."""
        from penstock_plugin_manager.model.lock import check_lock, read_lock
        from penstock_plugin_manager.model.toml import parse

        name = str(path)
        if not text:
            return None
        return check_lock(read_lock(parse(text, name), name), name).at(self.project.resolve().as_uri())

    def lock_text(self, lock: Lock, path: Path | None = None) -> str:
        """Return the text of a lock file for a lock; what others wrote into the file stays as it is.

        Args:
            lock: The lock.
            path: The file; the project's own when None.
        """
        from penstock_plugin_manager.model.lock_text import rewritten
        from penstock_plugin_manager.model.toml import read_text

        path = path or self.lock_path
        return rewritten(read_text(path), lock.relative_to(self.project.resolve().as_uri()), str(path))

    @cached_property
    def distributions(self) -> dict[str, Distribution]:
        """What is installed in the environment itself."""
        from penstock_plugin_manager.installed.site import distributions

        return distributions(self.environment.site)

    @cached_property
    def damaged(self) -> dict[str, list[Damage]]:
        """What is damaged of that which is installed in the environment itself, by distribution."""
        from pathlib import Path

        from penstock_plugin_manager.installed.damage import damaged

        return damaged(Path(self.environment.site), sorted(self.distributions), self.environment.state)

    @cached_property
    def visible_distributions(self) -> dict[str, Distribution]:
        """What the environment's Python sees, in the environment and beside it."""
        from penstock_plugin_manager.installed.site import distributions

        links = [each.metadata for each in self.links.values()]
        return distributions(*self.search_path.folders) | self.distributions | distributions(*links)

    @cached_property
    def providers(self) -> list[Provider]:
        """The providers of the environment with their manifests."""
        from penstock_plugin_manager.installed.site import providers

        return providers(self.search_path, self.environment.state)

    @cached_property
    def search_path(self) -> SearchPath:
        """Where the environment's Python looks: links, its own site, what that adds, the user's and the system's if it sees them."""
        from penstock_manifest.environments import environment_path

        from penstock_plugin_manager.installed.links import with_links

        return with_links(environment_path(self.environment.root, os.environ), self.links, self.environment.site)

    @cached_property
    def links(self) -> dict[str, ProviderLink]:
        """The providers that are linked into the environment, by id."""
        from penstock_plugin_manager.installed.links import linked

        return linked(self.environment.root)

    @cached_property
    def markers(self) -> dict[str, str]:
        """The values of environment markers."""
        from penstock_plugin_manager.installed.environment import markers

        return markers(self.environment)

    @cached_property
    def sources(self) -> Sources:
        """Where distributions come from: the options of the call, before those of the project, before the machine's."""
        from penstock_plugin_manager.index.sources import RequestedSources, read_sources

        options = self.options
        links = [os.path.abspath(place) if _is_path(place) else place for place in options.find_links]  # noqa: PTH100  as above
        links += [str(self.project / place) if _is_path(place) else place for place in self.intent.find_links]
        links += [] if options.no_index else self._folders_of_lock()
        index = options.index_url or self.intent.index_url
        extras = (*options.extra_index_urls, *self.intent.extra_index_urls)
        named = RequestedSources(index, extras, tuple(links), options.no_index)
        found = read_sources(named, os.environ, self.project, offline=options.offline)
        for login in found.network.logins:
            self.console.hide(login.password or login.username)
        return found

    @cached_property
    def client(self) -> Client:
        """How servers are asked."""
        from penstock_plugin_manager.index.client import Client

        return Client(
            lambda: self.sources.network,
            self.console.hide,
            lambda: self.resolver.default_index(),  # noqa: PLW0108  a resolver is chosen when it is needed
            offline=self.options.offline,
        )

    def _folders_of_lock(self) -> list[str]:
        """Return the folders from which local wheels of the lock came; what was found there before is found again."""
        files = [file for package in (self.lock.packages if self.lock else ()) for file in package.wheels]
        paths = [path for file in files if (path := file.local_path)]
        return [folder for folder in dict.fromkeys(os.path.dirname(path) for path in paths) if os.path.isdir(folder)]  # noqa: PTH112,PTH120  as above

    @cached_property
    def catalog(self) -> dict[str, CatalogEntry]:
        """The entries of the project's catalogs and of the shipped one."""
        from penstock_plugin_manager.catalog.load import load_catalogs

        locations = [*self.options.catalogs, *(self._place(place) for place in self.intent.catalogs)]
        return load_catalogs(locations, self.client, self.console.note)

    def _place(self, place: str) -> str:
        return str(self.project / place) if _is_path(place) else place

    @cached_property
    def resolver(self) -> Resolver:
        """The tool that resolves and installs."""
        from penstock_plugin_manager.resolve.choose import choose
        from penstock_plugin_manager.resolve.process import Runner

        runner = Runner(self.console.progress(), lambda: self.held)
        return choose(self.options.resolver, runner, self.client, self.environment)

    def distribution_of(self, provider_id: str) -> str:
        """Return the distribution of a provider: the installed one, the catalog's, or the one that its id implies."""
        from penstock_plugin_manager.model.names import default_distribution

        for each in self.every_provider:
            if each.id == provider_id:
                return each.distribution
        entry = self.catalog.get(provider_id)
        return entry.distribution if entry else default_distribution(provider_id)

    def state(self) -> dict[str, Any]:
        """Return the manager's own record of the environment."""
        from pathlib import Path

        from penstock_plugin_manager.apply.change import STATE_FILE
        from penstock_plugin_manager.apply.files import read_json

        return read_json(Path(self.environment.state) / STATE_FILE) or {}


def _is_path(place: str) -> bool:
    return "://" not in place
