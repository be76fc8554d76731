"""A DAG that has nothing to do with what happens to others."""

from penstock import DAG, task

with DAG("other"):

    @task
    def first():
        return 1

    @task
    def second(value):
        return value + 1

    second(first())
