"""Who may do what: permissions, roles, grants and principals. Pure values; who a request comes from is found elsewhere."""
