"""Reading an environment from its files: no package of it is imported, no process of it is started."""
