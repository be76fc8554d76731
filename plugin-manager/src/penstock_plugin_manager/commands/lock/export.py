"""``export``: the lock in another tool's format."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from penstock_plugin_manager.apply.files import write_text
from penstock_plugin_manager.arguments import Parser
from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import MissingError
from penstock_plugin_manager.model.lock import File, Lock, Locked, order
from penstock_plugin_manager.output import Result

if TYPE_CHECKING:
    from cyclonedx.model.component import Component

_FORMATS = ("requirements", "constraints", "dockerfile", "sbom")


def configure(parser: Parser) -> None:
    """Add the command's options."""
    parser.add_argument("format", choices=_FORMATS, help="what to write")
    parser.add_argument("-o", "--output", metavar="FILE", help="where to (default: standard output)")
    parser.only(("image",), lambda options: options.format == "dockerfile", "with dockerfile")
    parser.add_argument("--image", metavar="NAME", help="base image of the Dockerfile (default: python:X.Y-slim)")


def run(options: argparse.Namespace, session: Session) -> Result:
    """Write the lock as requirements with hashes, constraints, a Dockerfile or a CycloneDX bill of materials.

    Raises:
        MissingError: there is no lock.
    """
    lock = session.lock
    if lock is None:
        raise MissingError(f"There is no lock {session.lock_path}.", "Make one with: plugin-manager lock")
    if session.intent.isolated and options.format != "dockerfile":
        paths = ", ".join(session.isolated_lock_path(each).name for each in session.intent.isolated_ids)
        session.console.note(
            f"Isolated providers are not in it, as they conflict with the others; their locks are {paths}."
        )
    if options.format == "dockerfile":
        _report_local_files(lock, session)
    if options.format == "sbom":
        text = bill_of_materials(lock, session)
    elif options.format == "dockerfile":
        text = dockerfile(options.image or f"python:{_python(lock)}-slim")
    else:
        text = requirements(lock, hashes=options.format == "requirements")
    if options.output:
        write_text(Path(options.output).absolute(), text)
        return Result({"format": options.format, "file": options.output}, [f"Wrote {options.output}."])
    return Result({"format": options.format, "text": text}, text.rstrip("\n").splitlines())


def _report_local_files(lock: Lock, session: Session) -> None:
    """Say which packages of a lock lie outside the project, where a Dockerfile cannot copy them from."""
    outside = sorted(
        each.name
        for each in lock.packages
        if each.directory or each.archive or any(file.local_path and _is_outside(file, session) for file in each.wheels)
    )
    inside = sorted(
        {each.name for each in lock.packages if any(file.local_path for file in each.wheels)} - set(outside)
    )
    if outside:
        session.console.note(
            f"The image cannot be built from this lock: {', '.join(outside)} come from outside the project. "
            "Put the wheels into the project or on an index, and lock again."
        )
    if inside:
        session.console.note(f"{', '.join(inside)} come from wheels of the project: COPY those before `sync`, too.")


def _is_outside(file: File, session: Session) -> bool:
    return not Path(file.local_path).resolve().is_relative_to(session.project.resolve())


def requirements(lock: Lock, *, hashes: bool) -> str:
    """Return requirement lines, with all hashes or, for constraints, with none."""
    lines = []
    for package in sorted(lock.packages, key=order):
        parts = [_pin(package)]
        if hashes:
            files = [*package.wheels, *([package.sdist] if package.sdist else [])]
            parts += [
                f"--hash=sha256:{each.sha256}" for each in sorted(files, key=lambda file: file.name) if each.sha256
            ]
        lines.append(" \\\n    ".join(parts))
    return "\n".join(lines) + "\n"


def _pin(package: Locked) -> str:
    marker = f" ; {package.marker}" if package.marker else ""
    if package.directory:
        return f"{package.name} @ {Path(package.directory).absolute().as_uri()}{marker}"
    if package.archive:
        place = package.archive.url or Path(package.archive.path).absolute().as_uri()
        return f"{package.name} @ {place}{marker}"
    return f"{package.name}=={package.version}{marker}"


def dockerfile(image: str) -> str:
    """Return a Dockerfile that builds the locked environment, in a layer that changes only with the lock."""
    return f"""FROM {image}
RUN python -m venv /opt/penstock/manager && /opt/penstock/manager/bin/pip install --no-cache-dir "penstock-plugin-manager[uv]"
WORKDIR /opt/penstock
COPY penstock.toml pylock*.toml ./
RUN manager/bin/plugin-manager init --project . --env /opt/penstock/.venv \\
 && manager/bin/plugin-manager sync --frozen --yes --env /opt/penstock/.venv
ENV PATH="/opt/penstock/.venv/bin:$PATH"
COPY . .
CMD ["penstock", "up"]
"""


def _python(lock: Lock) -> str:
    return lock.requires_python.removeprefix(">=").split(",")[0] or "3.11"


def bill_of_materials(lock: Lock, session: Session) -> str:
    """Return a CycloneDX 1.6 document in JSON: every package with its hashes, and what depends on what.

    Raises:
        MissingError: the library is not installed.
    """
    try:
        from cyclonedx.model.bom import Bom  # noqa: PLC0415  an extra that few need
        from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415  as above
        from cyclonedx.output.json import JsonV1Dot6  # noqa: PLC0415  as above
    except ImportError:
        raise MissingError(
            "The CycloneDX library is not installed beside the manager.",
            'Install it: pip install "penstock-plugin-manager[sbom]"',
        ) from None
    root = Component(name=session.project.name or "project", type=ComponentType.APPLICATION, bom_ref="project")
    bom = Bom()
    bom.metadata.component = root
    components = {package.name: _component(package, session) for package in sorted(lock.packages, key=order)}
    for component in components.values():
        bom.components.add(component)
    for package in lock.packages:
        children = [components[name] for name in package.dependencies if name in components]
        bom.register_dependency(components[package.name], children)
    below = {name for package in lock.packages for name in package.dependencies}
    bom.register_dependency(root, [component for name, component in components.items() if name not in below])
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _component(package: Locked, session: Session) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType  # noqa: PLC0415  an extra that few need
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415  as above
    from cyclonedx.model.license import DisjunctiveLicense  # noqa: PLC0415  as above
    from packageurl import PackageURL  # noqa: PLC0415  as above

    files = [*package.wheels, *([package.sdist] if package.sdist else [])]
    hashes = {
        each.name: [HashType(alg=HashAlgorithm.SHA_256, content=each.sha256)] if each.sha256 else [] for each in files
    }
    # Hashes of one component are hashes of one thing: each of several files is a component of its own.
    parts = [
        Component(name=name, type=ComponentType.FILE, bom_ref=f"{package.name}@{package.version}/{name}", hashes=found)
        for name, found in sorted(hashes.items())
    ]
    dist = session.distributions.get(package.name)
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{package.name}@{package.version}",
        purl=PackageURL("pypi", name=package.name, version=package.version),
        hashes=next(iter(hashes.values())) if len(files) == 1 else [],
        components=parts if len(files) > 1 else [],
        licenses=[DisjunctiveLicense(name=dist.license)] if dist and dist.license else [],
    )
