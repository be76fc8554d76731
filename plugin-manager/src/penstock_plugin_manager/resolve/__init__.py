"""Resolution and installation by uv or pip: the only room that runs them."""
