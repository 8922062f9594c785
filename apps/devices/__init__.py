"""Where they can be reached: channels, registrations and their hygiene."""
