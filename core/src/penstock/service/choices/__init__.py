"""Operations on what the settings choose of providers: executors, secrets backends, services."""
