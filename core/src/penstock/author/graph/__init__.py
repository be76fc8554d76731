"""The order of a DAG's tasks as authors draw it: edges, task groups, and what both mean for single tasks."""
