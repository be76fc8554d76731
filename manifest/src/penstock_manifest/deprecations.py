"""What a provider uses that is deprecated, found without importing it: its kinds in the manifest, its impls in the text of its module."""

from collections.abc import Callable, Iterator

from penstock_manifest.format import Manifest
from penstock_manifest.kinds import ARRAYS, CONNECTIONS
from penstock_manifest.specs import REACTING, DeprecatedUse, uses


def deprecated_uses(
    manifest: Manifest, served: range | None, source: Callable[[str], str | None]
) -> list[DeprecatedUse]:
    """Find what a provider uses and the core calls deprecated.

    Args:
        manifest: The provider's manifest.
        served: Spec versions that the core serves; None if no core is known, and all that is ever deprecated counts.
        source: Gives the text of a module of the provider, by its name; None where there is none.
    """
    kinds = {each.kind for each in manifest.capabilities} | ({CONNECTIONS.name} if manifest.connections else set())
    found = [
        use
        for kind in ARRAYS.values()
        if kind.name in kinds
        for use in uses(f"the kind {kind.name!r}", kind.deprecated, served)
    ]
    # A module is read only if some spec that it may implement is on its way out.
    if manifest.plugin and any(each.deprecated or each.arguments for each in REACTING.values()):
        found += _impls(source(manifest.plugin) or "", served)
    return found


def _impls(text: str, served: range | None) -> Iterator[DeprecatedUse]:
    import ast  # noqa: PLC0415 - it costs more than reading a manifest, and few need it

    try:
        functions = [each for each in ast.parse(text).body if isinstance(each, ast.FunctionDef)]
    except (SyntaxError, ValueError, RecursionError):
        return  # whoever imports the module is told
    for function in functions:
        spec = REACTING.get(function.name)
        if spec is None:
            continue
        yield from uses(f"the spec {spec.name!r}", spec.deprecated, served)
        for argument in function.args.args:
            announced = spec.arguments.get(argument.arg)
            yield from uses(f"the argument {argument.arg!r} of the spec {spec.name!r}", announced, served)
