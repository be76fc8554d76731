"""The files of the DAGs folder that runs of a DAG file may read."""
