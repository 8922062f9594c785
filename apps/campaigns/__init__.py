"""What we want to say, to whom, when."""
