"""Tables over an enum name each of its members."""

import ast
from collections.abc import Iterator, Mapping, Sequence

from house.tree import parse


def enums_of(texts: Sequence[str]) -> dict[str, set[str]]:
    """Members of every enum that the texts define, by the enum's name."""
    found: dict[str, set[str]] = {}
    for text in texts:
        for node in ast.walk(parse(text)):
            if isinstance(node, ast.ClassDef) and any("Enum" in ast.unparse(base) for base in node.bases):
                found[node.name] = {
                    target.id
                    for each in node.body
                    if isinstance(each, ast.Assign)
                    for target in each.targets
                    if isinstance(target, ast.Name)
                }
    return found


def incomplete_tables(name: str, text: str, enums: Mapping[str, set[str]]) -> Iterator[str]:
    """Dicts of a module, at its top or in a class, whose keys are members of one enum and that miss some of them.

    Args:
        name: How the file is called in what is said.
        text: Its content.
        enums: Members by the enum's name.
    """
    tree = parse(text)
    short = {
        target.id: node.value.id
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in _top_level(tree):
        value = node.value
        if not isinstance(value, ast.Dict) or len(value.keys) < 2:
            continue
        keys = [each for each in value.keys if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name)]
        owners = {short.get(each.value.id, each.value.id) for each in keys if isinstance(each.value, ast.Name)}
        if len(keys) == len(value.keys) and len(owners) == 1 and (owner := owners.pop()) in enums:
            missing = sorted(enums[owner] - {each.attr for each in keys})
            if missing:
                yield f"{name}:{node.lineno} the table over {owner} lacks {', '.join(missing)}."


def _top_level(tree: ast.Module) -> Iterator[ast.Assign | ast.AnnAssign]:
    for node in [*tree.body, *(inner for each in tree.body if isinstance(each, ast.ClassDef) for inner in each.body)]:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            yield node
