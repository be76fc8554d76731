"""What a manifest claims, held against what its distribution ships: whoever names another's package is not believed."""

from collections.abc import Callable, Collection, Iterable

from penstock_manifest.format import Manifest


def claim_problems(manifest: Manifest, ships: Callable[[str], bool], extras: Collection[str]) -> list[str]:
    """Find what a manifest claims and its distribution does not hold, a sentence each.

    Args:
        manifest: A sound manifest.
        ships: Tells whether the distribution holds a module or package, by its dotted name.
        extras: The extras of the distribution, as its metadata writes them.
    """
    problems = [
        f"it claims the package {name!r}, which its distribution does not hold"
        for name in manifest.imports
        if not ships(name)
    ]
    known = {_normal(each) for each in extras}
    for each in manifest.capabilities:
        module = each.object.partition(":")[0]
        if module.partition(".")[0] not in manifest.imports:
            problems.append(f"{each.id}: its object stands in {module!r}, which is in none of its packages")
        elif not ships(module):
            problems.append(f"{each.id}: its module {module!r} is not in the distribution")
        if each.extra and _normal(each.extra) not in known:
            problems.append(f"{each.id}: the distribution has no extra {each.extra!r}")
    if manifest.plugin and not (manifest.plugin.partition(".")[0] in manifest.imports and ships(manifest.plugin)):
        problems.append(f"its plugin module {manifest.plugin!r} is not in the distribution")
    return problems


def ships_module(files: Iterable[str], module: str) -> bool:
    """Tell whether some files, by their paths below the site folder, hold a module, a package or an extension module."""
    path = module.replace(".", "/")
    return any(
        file.startswith(f"{path}/")
        or file == f"{path}.py"
        or (file.startswith(f"{path}.") and file.endswith((".so", ".pyd")))
        for file in files
    )


def _normal(extra: str) -> str:
    return extra.lower().replace("_", "-").replace(".", "-")
