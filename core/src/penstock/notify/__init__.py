"""The notifier: delivers changes of states to the listeners of providers, each in a process of its own."""
