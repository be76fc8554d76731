"""Tasks that do what no task should."""

import os
import signal
import struct
import time

from penstock import DAG, Variable, task

with DAG("poison"):

    @task
    def writes_to_its_supervisor():
        os.write(3, struct.pack("!IBI", 3, 12, 1) + b"abc")
        time.sleep(600)

    @task
    def asks_for_what_is_no_name():
        Variable.get([1])

    @task
    def kills_its_supervisor():
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)

    writes_to_its_supervisor()
    asks_for_what_is_no_name()
    kills_its_supervisor()
