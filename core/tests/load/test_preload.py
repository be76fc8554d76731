import subprocess
import sys

PROGRAM = """
import sys
from penstock.load.parse.preload import preload
preload()
from penstock import DAG, task
from penstock.author.build.build import build_dag
from penstock.model.dag import to_json

def calls():
    count = 0
    def note(frame, event, argument):
        nonlocal count
        count += event == "call"
    sys.setprofile(note)
    with DAG("d", schedule="@daily") as dag:
        @task
        def first(): return 1
        @task
        def second(x): print(x)
        second(first())
    to_json(build_dag(dag))
    sys.setprofile(None)
    return count

before = set(sys.modules)
print(calls() - calls(), sorted(set(sys.modules) - before))
"""


def test_a_child_of_the_server_works_out_nothing_that_others_have_worked_out_and_imports_nothing():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "0 []\n"
