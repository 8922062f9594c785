"""The machine door (DRF, /v2.1)."""
