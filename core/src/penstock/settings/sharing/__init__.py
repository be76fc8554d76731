"""``[queues]`` and ``[tenants]``: who shares what is limited, and how."""
