"""A/B/n tests: the statistics, what the numbers say, how large a test must be, and all of it in words."""
