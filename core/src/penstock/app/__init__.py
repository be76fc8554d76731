"""The one composition root: reads settings, builds store, executor, plugins and clock, and starts processes."""
