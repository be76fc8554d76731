"""What serves the tries of one DAG file: the process that has imported it, those it forks, and its line to the scheduler."""
