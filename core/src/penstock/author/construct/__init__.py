"""How authoring objects are made: arguments and attributes are checked, and every fault becomes a problem with its line."""
