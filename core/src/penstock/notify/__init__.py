"""The notifier: tells the plugin modules of providers, each in a process of its own, which states have changed."""
