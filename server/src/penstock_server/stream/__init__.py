"""Live changes: one reader of the change feed a process, and a stream of events to each who looks on."""
