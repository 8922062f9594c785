"""What the engine does: one module a verb."""
