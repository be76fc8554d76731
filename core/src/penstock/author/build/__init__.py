"""From an import of a DAG file to its DAGs as data, or to everything that is wrong with it."""
