"""A workflow orchestrator with a slim core: DAGs in Python, providers one by one."""

__version__ = "0.1.0"
