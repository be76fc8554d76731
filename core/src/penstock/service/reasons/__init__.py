"""Why task instances are where they are: what the engine would say of what the store holds."""
