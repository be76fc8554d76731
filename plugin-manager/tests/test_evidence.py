"""Reading Python against a plain walk over the whole syntax tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from random import Random
from textwrap import indent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock_plugin_manager.need.evidence import read_python

OPTIONAL = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
IMPORTERS = {"importlib.import_module", "import_module", "__import__"}


def plain(source: str) -> set[tuple[str, str, int, bool]]:
    """Return what a file says, by ``ast.walk``: slowly, and with nothing left out."""
    tree = ast.parse(source)
    idle = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    optional = {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Try) and any(forgives(handler.type) for handler in node.handlers)
        for line in range(node.body[0].lineno, node.body[-1].end_lineno + 1)
    }
    operators = {f"{name}{more}" for name in operator_names(tree) for more in ("", ".partial")}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [("import", alias.name, node.lineno, node.lineno in optional) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}:{alias.name}" for alias in node.names]
            found += [("import", name, node.lineno, node.lineno in optional) for name in names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in idle:
            found += text(node)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in IMPORTERS | operators:
            found += call(node, "import" if ast.unparse(node.func) in IMPORTERS else "operator")
    return first_lines(found)


def forgives(kind: ast.expr | None) -> bool:
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return kind is None or any(ast.unparse(each) in OPTIONAL for each in kinds)


def operator_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "penstock":
            yield from (alias.asname or alias.name for alias in node.names if alias.name == "operator")
        elif isinstance(node, ast.Import):
            ours = [alias for alias in node.names if alias.name.split(".")[0] == "penstock"]
            yield from (f"{alias.asname or alias.name}.operator" for alias in ours)


def text(node: ast.Constant) -> list[tuple[str, str, int, bool]]:
    scheme = re.match(r"([a-z][a-z0-9+.\-]*)://", node.value)
    if scheme:
        return [("url", scheme[1], node.lineno, False)]
    known = re.fullmatch(r"[a-z][a-z0-9_]*\.[a-z][A-Za-z0-9_]*", node.value) and len(node.value) < 100
    return [("id", node.value, node.lineno, False)] if known else []


def call(node: ast.Call, kind: str) -> list[tuple[str, str, int, bool]]:
    named = [word.value for word in node.keywords if word.arg in {"id", "name"}]
    first = [*node.args, *named][:1]
    if first and isinstance(first[0], ast.Constant) and isinstance(first[0].value, str):
        return [(kind, first[0].value, node.lineno, False)]
    return [("dynamic", ast.unparse(node.func), node.lineno, False)] if first or kind == "import" else []


def first_lines(found: list[tuple[str, str, int, bool]]) -> set[tuple[str, str, int, bool]]:
    first: dict[tuple[str, str, bool], int] = {}
    for kind, value, line, optional in sorted(found, key=lambda each: each[2]):
        first.setdefault((kind, value, optional), line)
    told = {value for kind, value, _ in first if kind == "operator"}
    return {
        (kind, value, line, optional)
        for (kind, value, optional), line in first.items()
        if kind != "id" or value not in told
    }


def fast(source: str) -> set[tuple[str, str, int, bool]]:
    """Return what the manager finds, a sentence about something dynamic cut down to what is called."""
    found = read_python(source)
    return {(each.kind, each.value.partition("()")[0], each.line, each.optional) for each in found}


ATOMS = (
    "name", "1.5", "None", "b's3://bytes'", "'aws.copy'", "'gcp.run'", "'s3://bucket/a.b'", "'s3://'", "'not an.id'",
    "'aws' '.copy'", "'\\x61ws.copy'", "f's3://{key}/x'", "f'{one}gs://{two:{width}}'", "operator('aws.copy')",
    "op(id='gcp.run')", "penstock.operator('aws.new', 1)", "p.operator(kind)", "other.operator('aws.no')", "operator()",
    "operator.partial('aws.map')",
    "__import__('penstock_aws')", "import_module(name)", "importlib.import_module('penstock_gcp.x')", "'# s4://no'",
)  # fmt: skip
AROUND = (
    "call(@, *[@], word=@)", "operator(call(@), x=@)", "{'k': @, **{@: @}}", "[@ for x in @ if @]", "(lambda a=@: @)",
    "(@ if @ else (@))", "(@ + @ < name.attr)", "(name[@:@], not @)", "('%s' % (@, -@))", "(y := @)",
)  # fmt: skip
LINES = (
    "import penstock", "import penstock as p, os", "from penstock import operator", "from penstock.x import operator as op",
    "import penstock_aws.hooks", "from penstock_gcp import Copy, Move as M", "from . import penstock_no", "from .x import y",
    "'s3://in/a/docstring'", "'aws.docstring'", "# operator('aws.comment') s3://", "global aws", "import importlib",
    "x = @", "x: @ = @", "assert @, @", "@", "x = '''\nimport penstock_no'''", "raise E(@) from @", "del name[@]",
)  # fmt: skip
HEADS = (
    "def f(a=@, *, b: @=@) -> None:", "class C(Base, k=@):", "async def f():\n  async with a(@) as b:", "with a(@) as b, c:",
    "for x in @:", "while @:", "if @:\n  pass\nelse:", "match @:\n  case 'aws.case' | {'s9://key': [*_]} if @:",
    "try:\n  import penstock_early\nexcept (a.E, Exception):", "try:\n  pass\nexcept* OSError:", "try:\n  pass\nfinally:",
)  # fmt: skip
CATCHES = (
    "except ImportError:",
    "except (OSError, ModuleNotFoundError) as e:",
    "except OSError:",
    "except:",
    "finally:",
)


def write(random: Random, depth: int = 3) -> str:
    """Return lines of Python: simple statements, and blocks in blocks."""
    lines = []
    for _ in range(random.randint(1, 4)):
        kind = random.random() if depth else 0
        if kind < 0.5:
            lines.append(fill(random, random.choice(LINES)))
        elif kind < 0.8:
            head = fill(random, random.choice(HEADS))
            lines.append(
                head + body(random, depth, margin=" " * (4 if "\n  async" in head or "\n  case" in head else 1))
            )
        else:
            lines.append(f"try:{body(random, depth)}\n{random.choice(CATCHES)}{body(random, depth)}")
    return "\n".join(lines)


def body(random: Random, depth: int, margin: str = " ") -> str:
    """Return a block of its own below a head."""
    return "\n" + indent(f"{write(random, depth - 1)}\npass", margin)


def fill(random: Random, pattern: str) -> str:
    """Return a pattern with an expression in each of its gaps."""
    while "@" in pattern:
        inner = random.choice(AROUND if len(pattern) < 80 and random.random() < 0.4 else ATOMS)
        pattern = pattern.replace("@", inner, 1)
    return pattern


@settings(deadline=None)
@given(st.integers(0, 1 << 32))
def test_reading_finds_what_a_plain_walk_over_the_whole_tree_finds(seed):
    source = write(Random(seed))
    assert fast(source) == plain(source)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("class A:\n    async def f(self):\n        import penstock_aws", id="import in an async method"),
        pytest.param("match x:\n    case {'aws.copy': y}:\n        z = [f's3://{y}']", id="texts in a match"),
        pytest.param("try:\n    pass\nexcept* OSError:\n    import penstock_aws", id="import in except*"),
        pytest.param("def f(a, /, b='aws.copy', *, c='gcp.run'): ...", id="defaults of parameters"),
        pytest.param("x = {**{'k': 'aws.copy'}, 'gcp.run': 1}", id="unpacked mapping"),
        pytest.param("from penstock import operator\na(b(c=operator(name='aws.copy'))[0])", id="nested operator"),
        pytest.param(
            "from penstock import operator as op\nop.partial('slak.post').expand(x=[1])", id="mapped operator"
        ),
        pytest.param("x = '''\nimport penstock_aws\noperator('aws.copy')\n'''  # s3://", id="only looks like code"),
        pytest.param("x = f'{a:{\"aws.copy\"}}'", id="text in a format specification"),
    ],
)
def test_reading_looks_into_every_corner_of_the_syntax(source):
    assert fast(source) == plain(source)
    assert bool(fast(source)) is ("looks" not in source and "'''" not in source)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from importlib import import_module as im; im('penstock_x.ops')", "import penstock_x.ops"),
        ("import importlib as il; il.import_module('penstock_x')", "import penstock_x"),
        ("import importlib\nimportlib.import_module(name='penstock_x')", "import penstock_x"),
        ("import importlib\nimportlib.import_module('.ops', 'penstock_x')", "import penstock_x.ops"),
        ("import importlib\nimportlib.import_module('.ops', package='penstock_x')", "import penstock_x.ops"),
        ("import importlib\nimportlib.__import__('penstock_x')", "import penstock_x"),
        ("import builtins as b\nb.__import__('penstock_x')", "import penstock_x"),
        ("from pkgutil import resolve_name\nresolve_name('penstock_x:ops')", "import penstock_x:ops"),
        ("import runpy\nrunpy.run_module(mod_name='penstock_x')", "import penstock_x"),
        ("exec('import penstock_x')", "import penstock_x"),
        ("eval('__import__(\"penstock_x\")')", "import penstock_x"),
        ("import importlib\nload = importlib.import_module\nload('penstock_x')", "dynamic"),
        ("from importlib import import_module as im\nlist(map(im, NAMES))", "dynamic"),
        ("import importlib\ngetattr(importlib, 'import_module')('penstock_x')", "dynamic"),
        ("import builtins\nvars(builtins)['__import__']('penstock_x')", "dynamic"),
        ("exec(text)", "dynamic"),
        ("import importlib\nimportlib.import_module('.ops', __package__)", ""),
        ("model.eval()\nobject.import_module", ""),
        ("def import_module_of(x): ...\nimport_module_of('penstock_x')", ""),
    ],
)
def test_an_import_by_name_is_found_or_listed_whatever_it_is_called(source, found):
    said = [each for each in read_python(source) if each.value not in {"importlib", "builtins", "runpy"}]
    said = [each for each in said if each.kind != "id" and not each.value.startswith(("importlib:", "pkgutil:"))]
    told = [each.kind if each.kind == "dynamic" else f"{each.kind} {each.value}" for each in said]
    assert told == ([found] if found else [])
