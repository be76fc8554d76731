"""Commands that a provider brings, made from its manifest."""

import json
import sys

import click
import pytest
from click.shell_completion import ShellComplete

from penstock.cli import root
from penstock_manifest.kinds import OWN_COMMANDS
from penstock_testkit.installations import Site

MANIFEST = """
schema = 1
id = "ID"
name = "Acme"
doc = "A provider."
spec = ">=1,<2"
imports = ["penstock_ID"]

[[commands]]
id = "ID.show_all"
object = "penstock_ID.commands:show_all"
doc = "Show what was given."
parameters = [
  { name = "where", type = "str", required = true, doc = "Where." },
  { name = "limit", type = "int | None", doc = "How many." },
  { name = "share", type = "float", default = 0.5, doc = "How much." },
  { name = "dry_run", type = "bool", default = false, doc = "Nothing is done." },
  { name = "tag", type = "list[str]", doc = "Several." },
  { name = "colour", type = "Literal['red', 'blue']", doc = "Which." },
  { name = "mark", type = "Literal['\\u001b]0;title\\u0007']", default = "\\u001b[2Jmark", doc = "It steers \\u001b[31mthe terminal." },
]

[[commands]]
id = "ID.gone"
object = "penstock_ID.commands:gone"
doc = "It is not there."

[[commands]]
id = "ID.text"
object = "penstock_ID.commands:text"
doc = "It cannot be called."

[[commands]]
id = "ID.other"
object = "penstock_ID.commands:other"
doc = "It takes something else."
"""
COMMANDS = """
import asyncio, json, sys
from penstock.errors import NotFoundError

text = "no function"

class Speechless(Exception):
    def __str__(self):
        raise RuntimeError

def show_all(where, **given):
    match where:
        case "bug":
            raise ValueError("no good")
        case "speechless":
            raise Speechless
        case "cancel":
            raise asyncio.CancelledError("cut")
        case "missing":
            raise NotFoundError("order", "x", [])
        case "exit":
            sys.exit(7)
        case "words":
            sys.exit("enough of it")
        case "answer":
            return "done"
        case "stored":
            print("\\x1b]0;owned\\x07\\x1b[2J\\x9b1A\\u202egnp \\x1b[31mred\\x1b[0m", "next")
            sys.stderr.writelines(["\\x1b[2J\\r\\n"])
            return None
    print(json.dumps({"where": where, **given}))

def other(needed): ...
"""


NAMED = """
schema = 1
id = "ID"
name = "Named"
doc = "A provider."
spec = ">=1,<2"
imports = ["penstock_ID"]

[[commands]]
id = "ID.add_order"
object = "penstock_ID.commands:show_all"
doc = "Add an order."
name = "WORD add"
parameters = [{ name = "where", type = "str", required = true, doc = "Where." }]

[[commands]]
id = "ID.count"
object = "penstock_ID.commands:show_all"
doc = "Count what ID has."
name = "count-ID"
parameters = [{ name = "where", type = "str", required = true, doc = "Where." }]
"""
OTHERS = {"bravo": "orders", "chaly": "boxes", "delta": "boxes", "echo": "foxtrot", "foxtrot": "golf"}
"""Providers whose commands have names, each with the first word of one."""


@pytest.fixture
def penstock(tmp_path, monkeypatch, capfd):
    """Runs a command in a folder of its own, with the provider installed; returns exit code, stdout and stderr."""
    texts = {name: MANIFEST.replace("ID", name) for name in ("acme", "pools")}
    texts |= {name: NAMED.replace("ID", name).replace("WORD", word) for name, word in OTHERS.items()}
    for name, text in texts.items():
        Site(tmp_path).provider(name, manifest=text, modules={"commands": COMMANDS})
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def run(*arguments, **environ):
        code = root.run(arguments, environ)
        out, err = capfd.readouterr()
        return code, out, err

    return run


def test_every_command_of_the_core_goes_before_a_provider():
    assert set(root.root.list_commands(click.Context(root.root))) <= OWN_COMMANDS


def test_arguments_are_made_of_the_parameters_of_the_manifest(penstock):
    assert json.loads(penstock("acme", "show-all", "here")[1]) == {"where": "here"}
    options = ["--limit", "3", "--share", "0.25", "--dry-run", "--tag", "a", "--tag", "b", "--colour", "blue"]
    assert json.loads(penstock("acme", "show-all", "here", *options)[1]) == {
        "where": "here",
        "limit": 3,
        "share": 0.25,
        "dry_run": True,
        "tag": ["a", "b"],
        "colour": "blue",
    }


def test_help_and_a_wrong_argument_import_nothing(penstock):
    code, out, _ = penstock("--help")
    of_providers = out.partition("Commands of providers:\n")[2].splitlines()
    assert (code, [line.split(None, 1) for line in of_providers if "A provider." in line]) == (
        0,
        [["acme", "A provider."]],
    )
    code, out, _ = penstock("acme", "show-all", "--help")
    assert "WHERE  Where." in out
    assert "--dry-run / --no-dry-run" in out
    assert "How much.  [default: 0.5]" in out
    for arguments, told in (
        (["show-all"], "Missing argument 'WHERE'"),
        (["show-all", "x", "--limit", "many"], "'many' is not a valid integer"),
        (["show-all", "x", "--colour", "green"], "'green' is not one of 'red', 'blue'"),
        (["show-al", "x"], "No such command 'show-al'"),
    ):
        code, _, err = penstock("acme", *arguments)
        assert (code, told in err) == (2, True), err
    assert "penstock_acme.commands" not in sys.modules
    assert penstock("acm")[2].strip().endswith("No such command 'acm'. Did you mean 'acme'?")


def test_nothing_that_a_provider_wrote_steers_the_terminal(penstock):
    for arguments in (["show-all", "--help"], ["--help"], ["show-all", "x", "--mark", "y"]):
        _, out, err = penstock("acme", *arguments)
        assert "\x1b" not in out + err
        assert "\x07" not in out + err
    assert "\\x1b[2Jmark" in penstock("acme", "show-all", "--help")[1]


@pytest.mark.parametrize("terminal", [False, True])
def test_what_others_stored_steers_no_terminal_when_a_command_of_a_provider_prints_it(penstock, monkeypatch, terminal):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    red = "\x1b[31mred\x1b[0m" if terminal else r"\x1b[31mred\x1b[0m"
    told = rf"\x1b]0;owned\x07\x1b[2J\x9b1A\u202egnp {red} next"
    assert penstock("acme", "show-all", "stored") == (0, told + "\n", "\\x1b[2J\n")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (
            ["show-all", "bug"],
            1,
            "acme.show_all raised ValueError: no good. Report it to the provider's author; PENSTOCK_",
        ),
        (["show-all", "speechless"], 1, "acme.show_all raised Speechless: (its text cannot be told"),
        (["show-all", "cancel"], 1, "acme.show_all raised CancelledError: cut. Report it to the provider's author"),
        (["show-all", "missing"], 3, "no order is named 'x'"),
        (["show-all", "exit"], 7, ""),
        (["show-all", "words"], 1, "acme.show_all ended: enough of it"),
        (["show-all", "answer"], 1, "acme.show_all returned 'done'; it must return an exit code of 0 to 255, or None"),
        (
            ["gone"],
            1,
            "acme.gone: importing 'penstock_acme.commands:gone' of the provider 'acme' raised AttributeError",
        ),
        (["text"], 1, "acme.text: penstock_acme.commands:text is a str, and cannot be called"),
        (["other"], 1, "acme.other does not take what its manifest says: missing a required argument: 'needed'"),
    ],
)
def test_the_end_of_a_command_is_an_exit_code_and_a_sentence(penstock, arguments, code, told):
    found, _, err = penstock("acme", *arguments)
    assert (found, told in err, "Traceback" in err) == (code, True, False), err


def test_where_it_went_wrong_is_shown_to_who_asks(penstock):
    assert 'raise ValueError("no good")' in penstock("acme", "show-all", "bug", PENSTOCK_TRACEBACK="1")[2]


def test_a_command_of_the_core_goes_first_and_the_provider_is_told(penstock):
    assert "Slots that tasks share" in penstock("pools", "--help")[1]
    assert (
        "pools: its commands cannot be called: `penstock pools` is a command of Penstock's own"
        in penstock("providers")[2]
    )


def test_the_shell_completes_providers_and_their_commands(penstock):
    def completed(*arguments):
        found = ShellComplete(root.root, {"obj": {}}, "penstock", "_PENSTOCK_COMPLETE")
        return [each.value for each in found.get_completions(list(arguments[:-1]), arguments[-1])]

    assert completed("ac") == ["acme"]
    assert completed("acme", "show") == ["show-all"]
    assert completed("ord") == ["orders"]
    assert completed("orders", "a") == ["add"]
    assert "--dry-run" in completed("acme", "show-all", "--dry")


def test_a_command_is_called_by_the_words_of_its_name(penstock):
    assert json.loads(penstock("orders", "add", "here")[1]) == {"where": "here"}
    assert json.loads(penstock("count-bravo", "here")[1]) == {"where": "here"}
    code, _, err = penstock("bravo", "add-order", "here")
    assert (code, "It has: penstock orders add, penstock count-bravo." in err) == (2, True), err


def test_names_of_commands_are_listed_and_explained_without_an_import(penstock):
    listed = penstock("--help")[1]
    assert "add: of the provider bravo." in listed
    assert "Count what bravo has." in listed
    assert "add  Add an order." in penstock("orders", "--help")[1]
    assert "WHERE  Where." in penstock("count-bravo", "--help")[1]
    assert "penstock_bravo.commands" not in sys.modules


@pytest.mark.parametrize(("word", "first", "second"), [("boxes", "chaly", "delta"), ("foxtrot", "echo", "foxtrot")])
def test_a_word_that_two_providers_claim_calls_neither_and_both_are_told_of(penstock, word, first, second):
    told = f"`penstock {word}` is claimed by the providers '{first}' and '{second}'; neither is active there"
    code, _, err = penstock(word, "add", "here")
    assert (code, told in err) == (2, True), err
    assert f"  {word}" not in penstock("--help")[1]
    listed = penstock("providers")[2]
    assert f"{first}: its commands cannot be called: {told}" in listed
    assert f"{second}: its commands cannot be called: {told}" in listed
    assert json.loads(penstock(f"count-{first}", "here")[1]) == {"where": "here"}, "what nobody contests is called"
