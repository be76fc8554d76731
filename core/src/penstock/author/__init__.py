"""What DAG authors write: DAGs, tasks, operators, sensors, hooks, mapping and templates."""
