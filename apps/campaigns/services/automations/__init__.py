"""Automations: whoever does something goes through waits, conditions and messages, each step once."""
