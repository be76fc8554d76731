"""Writes ``aws_schema.json``: what the provider of AWS knows of each resource that the stacks have, out of its bindings for the CDK.

``python tests/deploy/terraform/extract_schema.py FOLDER``, with the folder ``package/lib`` of the npm package ``@cdktf/provider-aws``. Each
class there says of each of its members whether it is computed, optional or required, and of which type it is; that alone is kept.
"""

import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
STACKS = HERE.parents[2] / "deploy" / "terraform"
_NESTED = re.compile(r'new (\w+?)(OutputReference|List|Map)\(this, "(\w+)"(?:, (true|false))?\)')
_GETTER = re.compile(r"get (\w+)\(\) \{\s+(?:// .*\s+)?return (?:[\w.]+\()*this\.get(\w+)Attribute\('(\w+)'\)")
_TYPES = {
    "String": "string", "Number": "number", "Boolean": "bool", "StringMap": ["map", "string"], "NumberMap": ["map", "number"],
    "BooleanMap": ["map", "bool"], "AnyMap": ["map", "string"], "List": ["list", "string"], "NumberList": ["list", "number"],
}  # fmt: skip
_LISTS = {"string": "string", "number": "number"}
_TAGS = {"attributes": {"tags": [["map", "string"], "optional"]}, "blocks": {}}
_PROVIDER = {"attributes": {"region": ["string", "optional"]}, "blocks": {"default_tags": ["list", 0, 1, _TAGS]}}


def used() -> list[str]:
    """Types of the resources of the stacks."""
    texts = [path.read_text() for path in sorted(STACKS.rglob("*.tf"))]
    return sorted({name for text in texts for name in re.findall(r'^resource "(\w+)"', text, re.MULTILINE)})


def of_resource(folder: Path, name: str) -> dict[str, object]:
    """What is known of one type of resource."""
    text = (folder / name.removeprefix("aws_").replace("_", "-") / "index.js").read_text()
    found = list(re.finditer(r"^(?:export )?class (\w+) extends cdktf\.\w+", text, re.MULTILINE))
    ends = [*(each.start() for each in found[1:]), len(text)]
    bodies = {each[1]: text[each.start() : end] for each, end in zip(found, ends, strict=True)}
    own = re.search(r"(\w+)\.tfResourceType = ", text)[1]
    return _block(own, bodies, text)


def _block(name: str, bodies: dict[str, str], text: str) -> dict[str, object]:
    body = bodies[name]
    nested = {each[3]: each for each in _NESTED.finditer(body)}
    kinds = _kinds(name, body, text)
    attributes, blocks = {}, {}
    for each in _GETTER.finditer(body):
        member = each[3]
        flags = _flags(each[1], body)
        if member.endswith("_wo") and flags != ["computed"]:
            flags = ["optional", "write_only"]
        _, kind, storage = kinds.get(member, (False, "", ""))
        attributes[member] = [_type(each[2], kind, storage), *flags]
    for member, inner in nested.items():
        flags = _flags(_camel(member), body)
        if kinds.get(member, (False,))[0]:
            nesting, most = "set" if inner[4] == "true" else "list", 1 if inner[2] == "OutputReference" else 0
            nesting, most = ("single", 0) if member == "timeouts" else (nesting, most)
            element = _block(inner[1] + "OutputReference", bodies, text)
            blocks[member] = [nesting, int("required" in flags), most, element]
        else:
            attributes[member] = ["dynamic", *flags]  # computed objects, of which nothing is asked
    return {"attributes": attributes, "blocks": blocks}


def _flags(member: str, body: str) -> list[str]:
    """What is not set is computed; what is set and never reset is required; of the rest, the service may know a default."""
    if f"set {member}(value)" not in body and f"put{member[0].upper()}{member[1:]}(value)" not in body:
        return ["computed"]
    return ["computed", "optional"] if f"reset{member[0].upper()}{member[1:]}()" in body else ["required"]


def _camel(member: str) -> str:
    first, *rest = member.split("_")
    return first + "".join(each.capitalize() for each in rest)


def _kinds(name: str, body: str, text: str) -> dict[str, tuple[bool, str, str]]:
    """Of what is written, by name: whether it is a block, and its type."""
    if "synthesizeHclAttributes" in body:
        written = body[body.index("synthesizeHclAttributes") :]
    else:
        stem = name.removesuffix("OutputReference")
        function = re.search(
            rf"function {stem[0].lower()}{stem[1:]}ToHclTerraform\(struct\).*?^}}", text, re.DOTALL | re.MULTILINE
        )
        written = function[0] if function else ""
    line = r'^\s+(\w+): \{\s+value: .*?\n\s+isBlock: (true|false),\s+type: "(\w+)",\s+storageClassType: "(\w+)"'
    pattern = re.compile(line, re.MULTILINE)
    return {each[1]: (each[2] == "true", each[3], each[4]) for each in pattern.finditer(written)}


def _type(getter: str, kind: str, storage: str) -> object:
    if kind in {"list", "set"}:
        return [kind, _LISTS.get(storage.removesuffix("List"), "string")]
    return _TYPES.get(getter, "string")


def main() -> None:
    """Write the file."""
    folder = Path(sys.argv[1])
    resources = {name: of_resource(folder, name) for name in used()}
    version = json.loads((folder.parent / "package.json").read_text())["cdktf"]["provider"]["version"]
    content = {"provider": "hashicorp/aws", "version": version, "configuration": _PROVIDER, "resources": resources}
    (HERE / "aws_schema.json").write_text(
        json.dumps(content, indent=None, separators=(",", ":"), sort_keys=True) + "\n"
    )


if __name__ == "__main__":
    main()
