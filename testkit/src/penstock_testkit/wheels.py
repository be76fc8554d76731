"""Wheels written by hand: a zip file with metadata, made in a millisecond without a build backend.

The format is that of the binary distribution specification of the Python Packaging User Guide (wheel 1.0).
"""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path


def write_wheel(  # noqa: PLR0913  a wheel has that many parts
    folder: Path,
    name: str,
    version: str,
    *,
    files: Mapping[str, str | bytes] | None = None,
    requires: Sequence[str] = (),
    entry_points: Mapping[str, Mapping[str, str]] | None = None,
    tag: str = "py3-none-any",
    requires_python: str = ">=3.9",
    extras: Sequence[str] = (),
) -> Path:
    """Write a wheel and return its path; equal arguments give equal bytes.

    Args:
        folder: Where to.
        name: The distribution.
        version: Its version.
        files: Content by path inside the wheel.
        requires: Requirements as in ``Requires-Dist``.
        entry_points: Group to name to target.
        tag: Python, ABI and platform tag.
        requires_python: Range of Pythons.
        extras: Names of extras.
    """
    stem = f"{name.replace('-', '_').replace('.', '_')}-{version}"
    info = f"{stem}.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: {requires_python}"]
    metadata += [f"Provides-Extra: {extra}" for extra in extras]
    metadata += [f"Requires-Dist: {requirement}" for requirement in requires]
    content: dict[str, bytes] = {path: _bytes(body) for path, body in (files or {}).items()}
    content[f"{info}/METADATA"] = _bytes("\n".join(metadata) + "\n")
    content[f"{info}/WHEEL"] = _bytes(f"Wheel-Version: 1.0\nGenerator: penstock\nRoot-Is-Purelib: true\nTag: {tag}\n")
    if entry_points:
        lines = [
            line
            for group, points in entry_points.items()
            for line in (f"[{group}]", *(f"{point} = {target}" for point, target in points.items()), "")
        ]
        content[f"{info}/entry_points.txt"] = _bytes("\n".join(lines))
    rows = [f"{path},sha256={_digest(body)},{len(body)}" for path, body in content.items()]
    content[f"{info}/RECORD"] = _bytes("\n".join([*rows, f"{info}/RECORD,,"]) + "\n")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}-{tag}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for inside, body in content.items():
            archive.writestr(zipfile.ZipInfo(inside, (2026, 1, 1, 0, 0, 0)), body)
    return path


def write_provider(  # noqa: PLR0913  as above
    folder: Path,
    provider_id: str,
    version: str = "1.0",
    *,
    manifest: str | None = None,
    requires: Sequence[str] = ("penstock-core>=0.1",),
    distribution: str = "",
    code: str = "",
    extras: Sequence[str] = (),
    files: Mapping[str, str | bytes] | None = None,
    tag: str = "py3-none-any",
) -> Path:
    """Write the wheel of a provider, with an empty module for each that its manifest names, and return its path.

    Args:
        folder: Where to.
        provider_id: Its id.
        version: Its version.
        manifest: Text of ``provider.toml``; a small valid one when None.
        requires: Requirements.
        distribution: Its distribution; the one that the id implies when empty.
        code: What ``__init__.py`` holds.
        extras: Names of extras.
        files: More files.
        tag: The wheel's tag.
    """
    package = f"penstock_{provider_id}"
    text = small_manifest(provider_id) if manifest is None else manifest
    modules = {f"{each.replace('.', '/')}.py": "" for each in re.findall(rf'"({package}[.\w]+):', text)}
    return write_wheel(
        folder,
        distribution or f"penstock-providers-{provider_id.replace('_', '-')}",
        version,
        files={f"{package}/__init__.py": code, f"{package}/provider.toml": text, **modules, **(files or {})},
        requires=requires,
        entry_points={"penstock.providers": {provider_id: f"{package}:provider.toml"}},
        extras=extras,
        tag=tag,
    )


def small_manifest(provider_id: str, *, top: str = "", spec: str = ">=1,<2", tables: str = "") -> str:
    """Return a valid manifest with one operator, and with more top-level lines or tables where given."""
    package = f"penstock_{provider_id}"
    return (
        f'schema = 1\nid = "{provider_id}"\nname = "{provider_id.title()}"\ndoc = "The provider {provider_id}."\n'
        f'spec = "{spec}"\nimports = ["{package}"]\n{top}\n'
        f'[[operators]]\nid = "{provider_id}.run"\nobject = "{package}.operators:Run"\ndoc = "Runs {provider_id}."\n{tables}\n'
    )


def _bytes(body: str | bytes) -> bytes:
    return body.encode() if isinstance(body, str) else body


def _digest(body: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
