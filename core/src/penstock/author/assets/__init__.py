"""What authors write of assets: the assets, and the conditions by which they start a DAG."""
