"""The import of DAG files in bounded children, and what these, their server and the loader say to each other."""
