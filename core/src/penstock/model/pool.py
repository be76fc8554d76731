"""The pool of tasks that name none."""

DEFAULT_POOL = "default_pool"
DEFAULT_POOL_SLOTS = 128  # in a new database
