"""A workflow orchestrator with a slim core: DAGs in Python, providers one by one."""
