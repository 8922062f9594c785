"""Who we know: profile, consent, events."""
