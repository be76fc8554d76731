"""What a spawn server holds before it forks: rehearsed tries, and nothing that makes each fork dearer."""

import subprocess
import sys

SCRIPT = """
import signal, sys
import penstock.app.try_environment
from penstock.execute.rehearsal import rehearse
from penstock.processes.log_lines import write_log_lines

write_log_lines()
rehearse()
before = set(sys.modules)
print(sorted({"asyncio", "concurrent.futures", "jinja2", "logging", "random", "sqlalchemy", "ssl"} & before))
rehearse()
print(sorted(set(sys.modules) - before), signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
import logging
logging.getLogger("mine").info("told")
logging.getLogger("mine").debug("not told")
print(sum("ImportListener" in type(each).__name__ for each in sys.meta_path))
"""


def test_it_has_run_tries_holds_no_module_that_acts_at_forks_and_writes_what_is_logged():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False)
    held, imported, logged, finders = done.stdout.splitlines() or [done.stderr] * 4
    assert (held, imported, finders) == ("[]", "[] True", "0"), done.stderr
    assert logged.endswith(" INFO mine: told")
    assert done.stderr == ""
