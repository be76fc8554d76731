"""What commands ask of an installation are operations, and the page of these names who asks for each."""

import operations_reference
from penstock.cli.installation import project
from penstock.service.operations.table import operations

ON_ITS_MACHINE = {
    "dags test": "It runs a DAG file of this machine.",
    "db check": "It reads the database itself.",
    "db copy": "It reads and writes databases themselves.",
    "db forget-secrets": "It has the keys of the database.",
    "db rotate-keys": "It has the keys of the database.",
    "db upgrade": "It changes the database itself.",
    "server link": "It lets in who has the terminal.",
    "users password": "A password goes through a door of its own.",
}
"""Commands that open an installation and ask for no operation, each with its reason."""


def test_each_command_that_opens_an_installation_asks_for_operations():
    found = operations_reference.commands()
    assert {"runs list", "users add", "doctor"} <= {each.name for each in found if each.operations}
    silent = {each.name for each in found if each.opens and not each.operations}
    assert silent - ON_ITS_MACHINE.keys() == set(), "have it ask for an operation"
    assert ON_ITS_MACHINE.keys() - silent == set(), "a reason that nothing needs any more"


def test_a_command_that_passes_the_operations_by_is_seen():
    def passes(context):
        with project(context) as installation:
            return installation.store.runs.page()

    found = operations_reference.Command("passes", passes)
    assert (found.opens, found.operations) == (True, set())


def test_the_page_names_each_operation_once_with_its_commands_and_its_part_of_the_ui():
    rows = [line.split(" | ") for line in operations_reference.page("").splitlines() if line.startswith("| `")]
    assert [row[0].strip("| `") for row in rows] == sorted(each.name for each in operations())
    trigger = next(row for row in rows if row[0] == "| `trigger`")
    assert trigger[2:] == ["`POST /dags/{dag_id}/runs`", "`runs:write`", "`dags trigger`", "Trigger |"]
