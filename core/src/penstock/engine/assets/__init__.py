"""Assets: success of a task is an event of its outlets, and events make runs of the DAGs that wait for them."""
