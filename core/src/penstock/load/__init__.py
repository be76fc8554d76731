"""From a folder of DAG files to stored DAGs: watched, snapshotted, and imported by bounded child processes."""
