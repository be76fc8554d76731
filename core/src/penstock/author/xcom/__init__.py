"""Values of tasks as authors hold them while the DAG is built, and the sequences that tasks get of them."""
