"""Verbs of the SMS booster."""
