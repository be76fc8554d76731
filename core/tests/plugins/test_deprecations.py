"""What of the specs will be gone: pluggy warns of it, and whoever uses it is told."""

import subprocess
import sys

from penstock.spec.plugin import SERVED_SPECS
from penstock_manifest.kinds import ARRAYS
from penstock_manifest.specs import REACTING

# The tables as a later release may have them, before anything makes specs of them.
PROGRAM = """
import logging, sys
from penstock_manifest import kinds, specs
end = specs.Deprecation(1, 2, "react to task states")
first, second = specs.REACTING
specs.REACTING[second] = specs.REACTING[second]._replace(deprecated=end)
specs.REACTING[first] = specs.REACTING[first]._replace(arguments={"change": end})
kinds.ARRAYS["sensors"] = kinds.ARRAYS["sensors"]._replace(deprecated=end)
logging.basicConfig(stream=sys.stdout, format="%(message)s")
sys.path.append(sys.argv[1])
from penstock.plugins.host import PluginHost
from penstock.plugins.project_modules import read_modules
from penstock.plugins.describe import describe
from penstock.plugins.registry import PluginModules
from penstock_manifest.environments import SearchPath
print(*PluginHost.discover(SearchPath((sys.argv[1],))).provider("acme").notes, sep="\\n")
print("--")
PluginModules({"acme": "penstock_acme.plugin"})
print("--")
print(*describe("penstock_acme.plugin")[1], sep="\\n")
"""
IMPLS = """
from penstock.spec.plugin import hookimpl
@hookimpl
def penstock_task_state_changed(change): ...
@hookimpl
def penstock_run_state_changed(): ...
"""
ARGUMENT = "the argument 'change' of the spec 'penstock_task_state_changed'"
SPEC = "the spec 'penstock_run_state_changed'"


def test_what_will_be_gone_is_told_in_the_notes_in_the_log_of_listeners_and_of_modules_of_the_project(site):
    sensors = '[[sensors]]\nid = "acme.wait"\nobject = "penstock_acme:It"\ndoc = "Waits."\n'
    site.provider("acme", f'plugin = "penstock_acme.plugin"\n{sensors}', plugin=IMPLS)

    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:penstock", "-c", PROGRAM, str(site.folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    notes, log, described = ([line for line in part.split("\n") if line] for part in done.stdout.split("--\n"))
    end = "which is deprecated since spec 1 and gone with spec 2; react to task states"
    assert notes == [f"it uses {what}, {end}" for what in ("the kind 'sensors'", ARGUMENT, SPEC)]
    assert sorted(log) == sorted(f"the provider 'acme': it uses {what}, {end}" for what in (ARGUMENT, SPEC))
    assert sorted(described) == sorted(f"it uses {what}, {end}" for what in (ARGUMENT, SPEC))


def test_the_tables_know_no_spec_version_that_the_core_does_not():
    rows = [*ARRAYS.values(), *REACTING.values()]
    ends = [each.deprecated for each in rows if each.deprecated]
    ends += [end for each in REACTING.values() for end in each.arguments.values()]

    assert all(each.since <= SERVED_SPECS[-1] for each in (*rows, *ends))
    assert all(end.since < end.until and SERVED_SPECS[0] < end.until for end in ends)
