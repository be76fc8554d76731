"""What changed in a provider meets what a project uses of it, line by line."""

from __future__ import annotations

import pytest
from penstock_manifest.judge import read_manifest

from penstock_plugin_manager.change.impact.code import code_changes
from penstock_plugin_manager.change.impact.impact import touched
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
        ("def broken(:", []),
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
        ("import penstock\npenstock.operator('acme.copy', **x)", Use(2, "acme.copy", ())),
    ],
)
def test_operators_by_their_id_are_uses(source, expected):
    assert expected in read_uses(source, ["penstock_acme"])


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
        (MUST, "Copy(**options)", ""),  # what is in there cannot be told
        (DEFAULT, "Copy(key=1)", "uses Copy without deep, whose default changes in 2.0: True to False"),
        (DEFAULT, "Copy(key=1, deep=True)", ""),
        (OLD, "Copy(key=1, acl=2)", ""),
    ],
)
def test_each_change_is_told_of_the_lines_that_it_touches_and_of_no_other(new, line, text):
    uses = read_uses(f"from penstock import operator\n{IMPORT}{line}", ["penstock_acme"])
    found = [each for each in touched(changes(new), uses, "2.0") if each[0] == 3]
    assert found == ([(3, text)] if text else [])


def test_the_code_is_compared_without_being_imported(tmp_path):
    texts = {
        "old": "raise SystemExit\nclass Tool:\n    def __init__(self, a, acl=None): ...\ndef gone(): ...\ndef kept(x=1): ...\n",
        "new": "raise SystemExit\nclass Tool:\n    def __init__(self, a, must): ...\ndef kept(x=2): ...\n",
    }
    for name, text in texts.items():
        (tmp_path / name / "penstock_acme").mkdir(parents=True)
        (tmp_path / name / "penstock_acme" / "__init__.py").write_text("")
        (tmp_path / name / "penstock_acme" / "tools.py").write_text(text)
    found = code_changes(["penstock_acme", "penstock_gone"], tmp_path / "old", tmp_path / "new")
    source = "from penstock_acme.tools import Tool, gone, kept\nTool(a=1, acl=2)\nkept()\n"
    assert touched(found, read_uses(source, ["penstock_acme"]), "2.0") == [
        (1, "uses gone, removed in 2.0"),
        (2, "uses Tool without must, required in 2.0"),
        (2, "uses Tool(acl=), removed in 2.0"),
        (3, "uses kept without x, whose default changes in 2.0: 1 to 2"),
    ]
