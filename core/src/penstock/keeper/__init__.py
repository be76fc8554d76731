"""The keeper: keeps the services of providers alive, each in a process of its own."""
