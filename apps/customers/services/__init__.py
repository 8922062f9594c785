"""What can be done with people: profiles, consent, events, erasure, disclosure."""
