"""Import cycles as the interpreter meets them: at run time, and through each package's ``__init__``."""

import ast
from collections.abc import Iterator, Mapping

from house.tree import parse


def run_time_cycles(sources: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Groups of modules that cannot be imported without each other.

    An import at the top of a module counts, one inside a function does not run then, and one under ``TYPE_CHECKING`` never
    does. Importing ``a.b.c`` runs ``a/__init__`` and ``a/b/__init__`` first, so both count as imported.

    Args:
        sources: Text of each module by its dotted name; of a package, by the name of the package.

    Returns:
        Each group sorted, without repetitions.
    """
    edges = {name: {each for each in _imported(name, text, sources) if each != name} for name, text in sources.items()}
    return sorted(group for group in _components(edges) if len(group) > 1)


def _imported(module: str, text: str, known: Mapping[str, str]) -> Iterator[str]:
    for node in _run_at_import(parse(text).body):
        targets: list[str] = []
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            targets = [f"{node.module}.{alias.name}" for alias in node.names]
        for target in targets:
            parts = target.split(".")
            chain = [".".join(parts[: count + 1]) for count in range(len(parts))]
            # A module's own packages are running already when it is: they do not wait for it.
            yield from (each for each in chain if each in known and not module.startswith(f"{each}."))


def _run_at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _run_at_import(node.orelse)
            continue
        yield node
        for name in ("body", "orelse", "finalbody"):
            yield from _run_at_import(getattr(node, name, []))
        for handler in getattr(node, "handlers", []):
            yield from _run_at_import(handler.body)


def _components(edges: Mapping[str, set[str]]) -> Iterator[tuple[str, ...]]:
    """Strongly connected components, by Tarjan's algorithm with a stack of its own."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    for root in edges:
        if root in index:
            continue
        work = [(root, iter(sorted(edges[root])))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, rest = work[-1]
            following = next(rest, None)
            if following is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    cut = stack.index(node)
                    group, stack[cut:] = stack[cut:], []
                    on_stack.difference_update(group)
                    yield tuple(sorted(group))
            elif following not in index:
                index[following] = low[following] = len(index)
                stack.append(following)
                on_stack.add(following)
                work.append((following, iter(sorted(edges[following]))))
            elif following in on_stack:
                low[node] = min(low[node], index[following])
