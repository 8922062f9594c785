"""What the machine door itself does: keys, idempotency, accepting a push."""
