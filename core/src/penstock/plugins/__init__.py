"""Foreign code: providers are found as data, fenced one by one, and imported on first use."""
