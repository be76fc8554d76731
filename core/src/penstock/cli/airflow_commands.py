"""What Airflow's commands are called here, for those who type them."""

_HERE = {
    "backfill create": "penstock backfills create DAG --from-date DATE --to-date DATE",
    "config get-value": "penstock config show",
    "config list": "penstock config show",
    "connections add": "penstock connections set ID URI",
    "connections get": "penstock connections show ID",
    "dag-processor": "penstock up",
    "dags backfill": "penstock backfills create DAG --from-date DATE --to-date DATE",
    "dags details": "penstock dags show DAG",
    "dags list-import-errors": "penstock dags errors",
    "dags list-runs": "penstock runs list DAG",
    "dags next-execution": "penstock dags next DAG",
    "dags state": "penstock runs show DAG RUN",
    "db clean": "penstock db prune --runs-days DAYS",
    "db init": "penstock db upgrade",
    "db migrate": "penstock db upgrade",
    "info": "penstock doctor",
    "pools get": "penstock pools list",
    "scheduler": "penstock up",
    "standalone": "penstock up",
    "tasks failed-deps": "penstock tasks why DAG TASK --run RUN",
    "tasks render": "penstock tasks rendered DAG TASK --run RUN",
    "tasks run": "penstock tasks clear DAG TASK --run RUN",
    "tasks state": "penstock tasks why DAG TASK --run RUN",
    "tasks states-for-dag-run": "penstock tasks list DAG RUN",
    "tasks test": "penstock dags test FILE DAG",
    "triggerer": "penstock up",
    "version": "penstock --version",
}


def here(words: list[str]) -> str:
    """What does here what these words, of which the first may be enough, do in Airflow; "" if they are none of its commands."""
    return _HERE.get(" ".join(words[:2])) or _HERE.get(" ".join(words[:1]), "")
