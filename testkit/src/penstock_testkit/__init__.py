"""Real servers and faithful fakes for the tests of this repository. Never published."""
