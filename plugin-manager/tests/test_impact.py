"""What changed in a provider meets what a project uses of it, line by line."""

from __future__ import annotations

import pytest
from penstock_manifest.judge import read_manifest

from penstock_plugin_manager.change.impact.code import code_changes
from penstock_plugin_manager.change.impact.hit import touched
from penstock_plugin_manager.need.uses import Use, read_uses
from penstock_plugin_manager.plan.api_changes import manifest_changes

HEAD = 'schema = 1\nid = "acme"\nname = "A"\ndoc = "A."\nspec = ">=1,<2"\nimports = ["penstock_acme"]\n'
COPY = (
    '[[operators]]\nid = "acme.copy"\nobject = "penstock_acme.operators:Copy"\ndoc = "Copies."\nparameters = [\n%s]\n'
)
OLD = COPY % '{name = "key", required = true},\n{name = "acl"},\n{name = "deep", default = true},\n'
IMPORT = "from penstock_acme.operators import Copy\n"


def changes(new, old=OLD):
    return manifest_changes(*(read_manifest(HEAD + each, strict=True).manifest for each in (old, new)))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (IMPORT + "Copy(key=1, acl=2)", [(1, None, False), (2, ("key", "acl"), True)]),
        (IMPORT + "Copy(1)", [(1, None, False), (2, (), False)]),
        (IMPORT + "Copy(**options)", [(1, None, False), (2, (), False)]),
        (IMPORT + "Copy.partial(acl=1).expand(key=x)", [(1, None, False), (2, ("acl",), False)]),
        ("from penstock_acme.operators import Copy as C\nC(acl=1)", [(1, None, False), (2, ("acl",), True)]),
        ("import penstock_acme.operators as ops\nops.Copy(acl=1)", [(2, ("acl",), True)]),
        ("import penstock_acme.operators\nx = penstock_acme.operators.Copy", [(2, None, False)]),
        (
            "def f():\n    from penstock_acme.operators import Copy\n    return Copy(key=1)",
            [(2, None, False), (3, ("key",), True)],
        ),
        ("from other.operators import Copy\nCopy(acl=1)", []),
        ("from .operators import Copy\nCopy(acl=1)", []),
    ],
)
def test_uses_of_a_class_are_found_however_it_is_imported(source, expected):
    found = [each for each in read_uses(source, ["penstock_acme"]) if each.target == "penstock_acme.operators.Copy"]
    assert [(each.line, each.keywords, each.whole) for each in found] == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from penstock import operator\noperator('acme.copy', acl=1)", Use(2, "acme.copy", ("acl",), True)),
        ("from penstock import operator as op\nop.partial('acme.copy', acl=1)", Use(2, "acme.copy", ("acl",))),
        ("import penstock\npenstock.operator('acme.copy', **x)", Use(2, "acme.copy", (), unpacked=("**x",))),
    ],
)
def test_operators_by_their_id_are_uses(source, expected):
    assert expected in read_uses(source, ["penstock_acme"])


@pytest.mark.parametrize("source", ["def broken(:", "\0", "x = " + "(" * 3000])
def test_what_is_no_python_has_no_uses_that_are_known(source):
    assert read_uses(source, ["penstock_acme"]) is None


UNCLEAR = "cannot be judged: options are passed to"
STAR = "cannot be judged: all names of penstock_acme.operators are imported by *,"
NO_ACL = COPY % '{name = "key", required = true},\n{name = "deep", default = true},\n'
DEFAULT = OLD.replace("default = true", "default = false")
MUST = OLD.replace('{name = "acl"}', '{name = "acl", required = true}')
MOVED = OLD.replace("operators:Copy", "copying:Copy")


@pytest.mark.parametrize(
    ("new", "line", "text"),
    [
        ("", "Copy(key=1)", "uses Copy, removed in 2.0"),
        ("", "operator('acme.copy', key=1)", "uses acme.copy, removed in 2.0"),
        (MOVED, "Copy(key=1)", "uses Copy, removed in 2.0 (it is penstock_acme.copying.Copy now)"),
        (MOVED, "operator('acme.copy', key=1)", ""),
        (NO_ACL, "Copy(key=1, acl=2)", "uses Copy(acl=), removed in 2.0"),
        (NO_ACL, "Copy.partial(acl=2)", "uses Copy(acl=), removed in 2.0"),
        (NO_ACL, "operator('acme.copy', acl=2)", "uses acme.copy(acl=), removed in 2.0"),
        (NO_ACL, "Copy(key=1)", ""),
        (MUST, "Copy(key=1)", "uses Copy without acl, required in 2.0"),
        (MUST, "Copy(key=1, acl=2)", ""),
        (MUST, "Copy(**options)", f"{UNCLEAR} Copy by **options, and acl changes in 2.0"),
        (MUST, "Copy(acl=1, **options)", ""),
        (MUST, "Copy.partial(**a).expand(key=x)", f"{UNCLEAR} Copy by **a, and acl changes in 2.0"),
        (NO_ACL, "Copy.expand_kwargs(rows)", f"{UNCLEAR} Copy by expand_kwargs(rows), and acl changes in 2.0"),
        (
            DEFAULT,
            "operator('acme.copy', **{**a, **b})",
            f"{UNCLEAR} acme.copy by **{{**a, **b}}, and deep changes in 2.0",
        ),
        (OLD, "Copy(**options)", ""),
        ("", "Copy(**options)", "uses Copy, removed in 2.0"),
        (MUST, "from penstock_acme.operators import *", f"{STAR} and Copy changes in 2.0"),
        (OLD, "from penstock_acme.operators import *", ""),
        (MUST, "from penstock_acme.hooks import *", ""),
        (DEFAULT, "Copy(key=1)", "uses Copy without deep, whose default changes in 2.0: True to False"),
        (DEFAULT, "Copy(key=1, deep=True)", ""),
        (OLD, "Copy(key=1, acl=2)", ""),
    ],
)
def test_each_change_is_told_of_the_lines_that_it_touches_and_of_no_other(new, line, text):
    uses = read_uses(f"from penstock import operator\n{IMPORT}{line}", ["penstock_acme"])
    found = [each for each in touched(changes(new), uses, "2.0") if each[0] == 3]
    assert found == ([(3, text)] if text else [])


@pytest.fixture
def compared(tmp_path):
    """Compare the code of two versions of a package, each its files by name."""

    def compare(**versions):
        for side, files in versions.items():
            (tmp_path / side).mkdir()
            for name, text in files.items():
                (tmp_path / side / "penstock_acme").mkdir(exist_ok=True)
                (tmp_path / side / "penstock_acme" / f"{name}.py").write_bytes(text.encode("latin-1"))
        return code_changes(["penstock_acme"], tmp_path / "old", tmp_path / "new")

    return compare


def test_the_code_is_compared_without_being_imported(compared):
    found, unclear = compared(
        old={
            "__init__": "",
            "tools": "raise SystemExit\nclass Tool:\n    def __init__(self, a, acl=None): ...\ndef gone(): ...\ndef kept(x=1): ...\n",
        },
        new={
            "__init__": "",
            "tools": "raise SystemExit\nclass Tool:\n    def __init__(self, a, must): ...\ndef kept(x=2): ...\n",
        },
    )
    source = "from penstock_acme.tools import Tool, gone, kept\nTool(a=1, acl=2)\nkept()\n"
    assert unclear == []
    assert touched(found, read_uses(source, ["penstock_acme"]), "2.0") == [
        (1, "uses gone, removed in 2.0"),
        (2, "uses Tool without must, required in 2.0"),
        (2, "uses Tool(acl=), removed in 2.0"),
        (3, "uses kept without x, whose default changes in 2.0: 1 to 2"),
    ]


TOOL = "class Tool:\n    def __init__(self, *, key, acl=None): ...\ndef run(a): ...\n"
LESS = TOOL.replace(", acl=None", "")
ACL, MODULE = (
    "uses Tool(acl=), removed in 2.0",
    "uses Tool, changed in 2.0 (its source is no Python that can be read here)",
)


@pytest.mark.parametrize(
    ("new", "told"),
    [
        pytest.param(None, ["uses Tool, removed in 2.0", "uses run, removed in 2.0"], id="package gone"),
        pytest.param({"__init__": ""}, ["uses Tool, removed in 2.0", "uses run, removed in 2.0"], id="module gone"),
        pytest.param({"tools": "class Tool(:\n"}, [MODULE, MODULE.replace("Tool", "run")], id="module broken"),
        pytest.param({"tools": "x = '\xff'"}, [MODULE, MODULE.replace("Tool", "run")], id="module in no encoding"),
        pytest.param({"tools": "from penstock_acme._new import Tool, run", "_new": TOOL}, [], id="moved"),
        pytest.param({"tools": "from ._new import *\n__all__ = ['Tool', 'run']", "_new": TOOL}, [], id="moved by star"),
        pytest.param({"tools": "from ._new import Tool, run", "_new": LESS}, [ACL], id="moved and changed"),
        pytest.param(
            {"tools": "from ._new import Tool, launch as run", "_new": LESS.replace("run(a)", "launch(b)")},
            [ACL, "uses run without b, required in 2.0", "uses run(a=), removed in 2.0"],
            id="moved, renamed and changed",
        ),
        pytest.param({"tools": "from boto3 import Tool, run"}, [], id="of a stranger"),
        pytest.param({"tools": f"{LESS}__all__ = [name for name in dir()] + 3"}, [ACL], id="odd list of names"),
        pytest.param({"tools": f"from gone import *\n{LESS}__all__ += nothing"}, [ACL], id="odder list of names"),
    ],
)
def test_removed_moved_and_broken_code_is_told_as_what_it_is(compared, new, told):
    old = {"__init__": "", "tools": TOOL}
    found, unclear = compared(old=old, new={"__init__": "", **new} if new is not None else {})
    source = "from penstock_acme.tools import Tool, run\nTool(key=1, acl=2), run(a=1)\n"
    lines = touched(found, read_uses(source, ["penstock_acme"]), "2.0")
    assert ([text for line, text in lines if line == 2], unclear) == (told, [])


@pytest.mark.parametrize("new", ["def (", "from .tools import Tool"], ids=["broken", "ring"])
def test_code_that_cannot_be_compared_is_told(compared, new):
    old = {"__init__": "class Tool: ...", "tools": "x = 1"}
    found, (sentence,) = compared(old=old, new={"__init__": new, "tools": "from penstock_acme import Tool\n"})
    assert found == []
    assert sentence.startswith("the code of penstock_acme could not be compared: ")
