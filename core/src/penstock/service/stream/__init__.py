"""What has changed, for those who look on."""
