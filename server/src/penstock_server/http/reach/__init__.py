"""Where the server listens, and how others reach it: addresses, TLS, proxies."""
