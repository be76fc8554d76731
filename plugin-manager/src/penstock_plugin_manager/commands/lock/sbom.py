"""A bill of materials of the lock, by the CycloneDX library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock_plugin_manager.change.session import Session
from penstock_plugin_manager.errors import MissingError
from penstock_plugin_manager.model.lock import Lock, Locked, order

if TYPE_CHECKING:
    from cyclonedx.model.component import Component


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
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=each.sha256) for each in files if each.sha256]
    dist = session.distributions.get(package.name)
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{package.name}@{package.version}",
        purl=PackageURL("pypi", name=package.name, version=package.version),
        hashes=hashes,
        licenses=[DisjunctiveLicense(name=dist.license)] if dist and dist.license else [],
    )
