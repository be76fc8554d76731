"""Writes what a project begins with that is to run in containers; files that exist are kept."""

import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.metadata import distributions
from pathlib import Path
from secrets import token_urlsafe

from penstock.errors import ConfigError
from penstock.service.starts.own_certificate import own_certificate

_FILES = Path(__file__).parent / "files"
_OF_IMAGE, _OF_STATE = 10_001, 0
"""The user of the image, for a project that root makes: containers are not to run as root."""
_WORKERS_BY = "celery"
"""Id of the provider whose workers the compose file starts."""
_OURS = re.compile(r"penstock-(core|server|providers-.+)")
_NAMED = re.compile(r"^[ \t]*([A-Za-z0-9][A-Za-z0-9._-]*)", re.MULTILINE)
_EXTRAS = {"penstock-core": "[postgres]"}
_VALUES = """\
# What `helm install penstock helm/penstock --values helm/values.yaml` takes; helm/penstock/values.yaml describes each of them.
image:
  # Build it: docker build --file helm/Containerfile --tag registry.example.com/{name}:1 . && docker push registry.example.com/{name}:1
  repository: registry.example.com/{name}
  tag: "1"

database:
  # Make it: kubectl create secret generic penstock-database --from-literal=url=postgresql://USER:PASSWORD@HOST:5432/NAME
  existingSecret: penstock-database

# Pools of workers, and autoscaling by KEDA: see `workers` there. Without any, tasks run beside the scheduler.
workers: {{}}
"""


def add_compose(root: Path, now: datetime) -> list[str]:
    """Write the folder ``compose`` of a project: the compose file, its settings, its secrets.

    Args:
        root: The project.
        now: The present, from which on its certificate counts.

    Returns:
        The files that were written.

    Raises:
        ConfigError: One cannot be written.
    """
    folder = root / "compose"
    made: list[str] = []
    owner = (os.geteuid(), -1) if os.geteuid() else (_OF_IMAGE, _OF_STATE)
    try:
        made += _copy(_FILES / "compose", folder)
        made += _image(root, folder)
        made += _write(folder / ".env", f"PENSTOCK_UID={owner[0]}\n")
        made += _write(folder / ".gitignore", "/secrets/\n/.env\n")
        if not (folder / "secrets").exists():
            (folder / "secrets").mkdir(mode=0o700)
            os.chown(folder / "secrets", *owner)
            for name, text in _secrets(now).items():
                made += _write_secret(folder / "secrets" / name, text, owner)
    except OSError as error:
        raise _refused(error) from None
    return made


def add_helm(root: Path) -> list[str]:
    """Write the folder ``helm`` of a project: the chart, its values, the container file; as `add_compose`."""
    folder = root / "helm"
    made: list[str] = []
    try:
        made += _copy(_FILES / "chart", folder / "penstock")
        made += _image(root, folder)
        made += _write(
            folder / "values.yaml",
            _VALUES.format(name=re.sub(r"[^a-z0-9]+", "-", root.name.lower()).strip("-") or "penstock"),
        )
    except OSError as error:
        raise _refused(error) from None
    return made


def lacking(root: Path) -> list[str]:
    """The requirements that containers have of Penstock and the project's ``requirements.txt``, which was there before, does not name."""
    text = (root / "requirements.txt").read_text(encoding="utf-8", errors="replace")
    named = {re.sub(r"[-_.]+", "-", each).lower() for each in _NAMED.findall(text)}
    return [each for each in _requirements() if _NAMED.findall(each)[0] not in named]


def _secrets(now: datetime) -> Mapping[str, str]:
    from penstock.store import new_key  # noqa: PLC0415 - it takes cryptography, as the certificate does

    database, broker = token_urlsafe(24), token_urlsafe(24)
    tls = own_certificate(["scheduler", "localhost", "127.0.0.1"], now)
    return {
        "database_password": database,
        "database_url": f"postgresql://penstock:{database}@postgres:5432/penstock",
        "secret_key": new_key(),
        "broker_conf": f'bind * -::*\nport 6379\nrequirepass {broker}\nsave ""\nappendonly no\n',
        "broker_url": f"redis://:{broker}@broker:6379/0",
        "worker_token": f"penstock_{token_urlsafe(32)}",
        "tls_authority": tls.authority,
        "tls_certificate": tls.certificate,
        "tls_key": tls.key,
    }


def _image(root: Path, folder: Path) -> Iterator[str]:
    """The container file, what it installs, and what it leaves out."""
    ignored = (_FILES / "image" / ".containerignore").read_text(encoding="utf-8")
    yield from _write(folder / "Containerfile", (_FILES / "image" / "Containerfile").read_text(encoding="utf-8"))
    for name in (".containerignore", ".dockerignore"):
        yield from _write(root / name, ignored)
    yield from _write(root / "requirements.txt", "".join(f"{each}\n" for each in _requirements()))


def _requirements() -> list[str]:
    """What of Penstock is installed here, as it is, and what containers need of it besides."""
    found = {each.name: each.version for each in distributions() if _OURS.fullmatch(each.name or "")}
    core = found["penstock-core"]
    needed = {"penstock-server": core, f"penstock-providers-{_WORKERS_BY}": None, **found}
    return sorted(
        f"{name}{_EXTRAS.get(name, '')}{f'=={version}' if version else ''}" for name, version in needed.items()
    )


def _copy(source: Path, target: Path) -> Iterator[str]:
    for path in sorted(source.rglob("*")):
        if path.is_file():
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            yield from _write(place, path.read_text(encoding="utf-8"))


def _write(path: Path, text: str) -> Iterator[str]:
    if not path.exists():
        path.write_text(text, encoding="utf-8")
        yield str(path)


def _write_secret(path: Path, text: str, owner: tuple[int, int]) -> Iterator[str]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        os.fchown(descriptor, *owner)
    yield str(path)


def _refused(error: OSError) -> ConfigError:
    return ConfigError(f"{error.filename}: cannot be made: {error.strerror}. Check its folder's owner and mode.")
