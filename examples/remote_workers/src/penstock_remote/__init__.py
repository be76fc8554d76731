"""An executor whose workers connect from other machines, and the worker."""
