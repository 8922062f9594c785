"""What can be done with devices and channels: registration, hygiene, credentials."""
