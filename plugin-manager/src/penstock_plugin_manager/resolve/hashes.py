"""The SHA-256 of every file of a lock, whatever the index tells: a file without one could be exchanged for another."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

from penstock_plugin_manager.errors import UnverifiedError
from penstock_plugin_manager.index.cache import DownloadCache
from penstock_plugin_manager.index.client import Client
from penstock_plugin_manager.model.lock import File, Lock, Locked


def hashed(lock: Lock, client: Client) -> Lock:
    """Return a lock in which each file has its SHA-256; a file of which the source tells none is fetched.

    Args:
        lock: What a tool has solved.
        client: How files are fetched.

    Raises:
        UnverifiedError: a file has not the digest that the source tells of it, by another algorithm.
        ManagerError: a file cannot be fetched.
    """
    bare = [file for package in lock.packages for file in _files(package) if not file.sha256]
    if not bare:
        return lock
    with ThreadPoolExecutor(8) as pool:
        found = dict(zip(bare, pool.map(lambda file: _hashed(file, client), bare), strict=True))
    packages = []
    for each in lock.packages:
        wheels = tuple(found.get(file, file) for file in each.wheels)
        sdist = found.get(each.sdist, each.sdist) if each.sdist else None
        archive = found.get(each.archive, each.archive) if each.archive else None
        packages.append(each._replace(wheels=wheels, sdist=sdist, archive=archive))
    return lock._replace(packages=tuple(packages))


def _files(package: Locked) -> list[File]:
    return [*package.wheels, *(each for each in (package.sdist, package.archive) if each)]


def _hashed(file: File, client: Client) -> File:
    algorithm, _, digest = file.other_hash.partition("=")
    cache = DownloadCache("hashes")
    name = hashlib.sha256(f"{file.place} {file.other_hash}".encode()).hexdigest()
    kept = cache.read(name) if digest else None
    if kept is not None:
        sha256, size = kept.decode().split()
        return file._replace(sha256=sha256, size=int(size))
    body = client.fetch(file.place).body
    if algorithm in hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}:
        actual = hashlib.new(algorithm, body, usedforsecurity=False).hexdigest()
        if actual != digest.lower():
            raise UnverifiedError(
                f"{file.name} is not the file that the index names: its {algorithm} differs.",
                "Do not install it; ask who changed the file.",
            )
    sha256 = hashlib.sha256(body).hexdigest()
    cache.write(name, f"{sha256} {len(body)}".encode())
    return file._replace(sha256=sha256, size=len(body))
