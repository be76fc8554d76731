"""The manifest is read relaxed for the runtime and strict for its author, with every problem at once."""

import pytest

from penstock_manifest.judge import read_manifest

GOOD = """
schema = 1
id = "acme"
name = "Acme"
doc = "Talks to Acme."
spec = ">=1,<2"
imports = ["penstock_acme"]
until = 2027-01-31
plugin = "penstock_acme.plugin"

[extras]
iam = "Logs in by IAM."

[[connections]]
type = "acme"
doc = "An Acme account."
schemes = ["acme", "acmes"]
fields = [{ name = "token", type = "str", doc = "The token.", secret = true }]

[[hooks]]
id = "acme.api"
object = "penstock_acme.hooks:AcmeHook"
connection_type = "acme"
doc = "A client of Acme."
extra = "iam"

[[operators]]
id = "acme.send"
object = "penstock_acme.operators:Send"
doc = "Sends a box."
parameters = [
  { name = "box", type = "str", required = true, doc = "Which." },
  { name = "fast", type = "bool", default = false },
]
"""


def test_a_good_manifest_becomes_values():
    manifest, problems, notes = read_manifest(GOOD, "acme", strict=True)

    assert (problems, notes) == ((), ())
    assert [each.id for each in manifest.capabilities] == ["acme.api", "acme.send"]
    assert manifest.capabilities[0].connection_type == "acme"
    assert [(p.name, p.required, p.default) for p in manifest.capabilities[1].parameters][1] == ("fast", False, False)
    assert manifest.connections[0].fields[0].secret
    assert manifest.until == "2027-01-31"


def test_unknown_keys_and_kinds_are_forgiven_at_run_time_and_told_to_the_author():
    text = (
        GOOD.replace('name = "Acme"', 'name = "Acme"\ncolour = "red"\nplugins = "x"')
        + '[[oracles]]\nid = "acme.delphi"\n'
    )

    relaxed, strict = read_manifest(text, "acme"), read_manifest(text, "acme", strict=True)

    assert relaxed.manifest is not None
    assert "'oracles' is no kind of capability that is known here" in relaxed.notes[0]
    assert strict.manifest is None
    assert [p for p in strict.problems if "colour" in p]
    assert [p for p in strict.problems if "did you mean 'plugin'" in p]
    assert [p for p in strict.problems if "oracles" in p]


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        pytest.param("schema = 1", "schema = 2", "schema 1 is read here", id="newer format"),
        pytest.param("schema = 1", "", "schema is missing", id="no schema"),
        pytest.param('id = "acme"', 'id = "Acme!"', "id = 'Acme!' must be lower-case", id="bad id"),
        pytest.param('id = "acme"', 'id = "other"', "its entry point is named 'acme'", id="id differs"),
        pytest.param('spec = ">=1,<2"', 'spec = ">=2"', "the core serves spec 1", id="spec not served"),
        pytest.param('spec = ">=1,<2"', 'spec = "one"', "is no version range", id="spec is no range"),
        pytest.param('doc = "Sends a box."', "", "operators 'acme.send': doc is missing", id="no doc"),
        pytest.param('"penstock_acme.operators:Send"', '"penstock_acme.operators"', "'module:attribute'", id="object"),
        pytest.param('"acme.send"', '"emca.send"', "must begin with 'acme.'", id="foreign prefix"),
        pytest.param('"acme.send"', '"acme.api"', "the id is taken already, by an entry of hooks", id="two of one id"),
        pytest.param('connection_type = "acme"', "", "connection_type is missing", id="hook without type"),
        pytest.param('extra = "iam"', 'extra = "gone"', "extra 'gone' is not described", id="extra unknown"),
        pytest.param("required = true", 'required = true, default = "x"', "required and yet has a default", id="both"),
        pytest.param('name = "fast"', 'name = "box"', "the name stands there twice", id="parameter twice"),
        pytest.param('name = "fast", type = "bool"', 'name = "fast", type = 3', "type = 3 must be a string", id="type"),
        pytest.param('imports = ["penstock_acme"]', 'imports = "penstock_acme"', "a list of names", id="imports"),
        pytest.param("schema = 1", "schema = = 1", "it is no TOML", id="no toml"),
    ],
)
def test_a_wrong_manifest_is_refused_with_a_sentence(before, after, says):
    assert before in GOOD

    manifest, problems, _ = read_manifest(GOOD.replace(before, after), "acme", served=range(1, 2))

    assert manifest is None
    assert any(says in problem for problem in problems), problems


COMMAND = '[[commands]]\nid = "acme.list_boxes"\nobject = "penstock_acme.commands:list_boxes"\ndoc = "Lists boxes."\n'
SERVICE = '[[services]]\nid = "acme.web"\nobject = "penstock_acme.services:Web"\ndoc = "A page."\n'


@pytest.mark.parametrize(
    ("more", "words"),
    [
        pytest.param("", ("acme", "list-boxes"), id="of the id"),
        pytest.param('name = "boxes"\n', ("boxes",), id="one word"),
        pytest.param('name = "boxes list"\n', ("boxes", "list"), id="two words"),
    ],
)
def test_a_command_is_called_by_its_name_or_by_its_id(more, words):
    manifest, problems, notes = read_manifest(GOOD + COMMAND + more, "acme", strict=True)

    assert (problems, notes) == ((), ())
    assert manifest.capabilities[-1].words == words


@pytest.mark.parametrize(
    ("more", "says"),
    [
        pytest.param(
            COMMAND + 'name = "Boxes"', "name = 'Boxes' must be one or two words such as 'orders list'", id="capital"
        ),
        pytest.param(COMMAND + 'name = "a b c"', "name = 'a b c' must be one or two words", id="three words"),
        pytest.param(
            COMMAND + 'name = "runs boxes"', "`penstock runs` is a command of Penstock's own", id="the core's"
        ),
        pytest.param(
            COMMAND + 'name = "boxes list"\n' + COMMAND.replace("list_", "show_") + 'name = "boxes list"',
            "`penstock boxes list` is commands 'acme.list_boxes' already",
            id="twice",
        ),
        pytest.param(
            COMMAND + 'name = "boxes"\n' + COMMAND.replace("list_", "show_") + 'name = "boxes show"',
            "`penstock boxes` cannot be a command and the first word of another, as commands 'acme.list_boxes' has it",
            id="command and group",
        ),
        pytest.param(SERVICE + 'always = "yes"', "always = 'yes' must be true or false", id="no boolean"),
        pytest.param(
            SERVICE + 'always = true\nparameters = [{ name = "port", required = true }]',
            "it is always kept, and yet 'port' is required; give that a default",
            id="always kept, and not without being told",
        ),
    ],
)
def test_a_name_or_a_service_that_could_not_be_had_is_refused(more, says):
    assert [each for each in read_manifest(GOOD + more, "acme", strict=True).problems if says in each]


def test_what_a_service_may_do_beyond_others_is_told():
    text = GOOD + SERVICE
    powers = [
        read_manifest(text + more, "acme", strict=True).manifest.capabilities[-1].powers
        for more in ("", "installation = true\n", "always = true\n", "installation = true\nalways = true\n")
    ]
    assert [len(each) for each in powers] == [0, 1, 1, 2]
    assert powers[1][0].startswith("is given the whole installation")
    assert powers[2][0].startswith("is kept by `penstock up`")


def test_all_problems_are_told_at_once():
    text = (
        GOOD.replace('spec = ">=1,<2"', 'spec = ">=2"')
        .replace('doc = "Sends a box."', "")
        .replace('"acme.api"', '"x.api"')
    )

    problems = read_manifest(text, "acme", served=range(1, 2)).problems

    assert len(problems) == 3


def test_bytes_that_are_no_text_are_a_problem_and_no_traceback():
    assert "it is no TOML" in read_manifest(b"\xff\xfe", "acme").problems[0]
