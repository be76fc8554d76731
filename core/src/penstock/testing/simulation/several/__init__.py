"""Several schedulers in one simulated world: each with a machine, a clock and a pause of its own, over one database."""
