"""The life of runs: they are created, taken over, started, changed on request, and ended when their time is over."""
