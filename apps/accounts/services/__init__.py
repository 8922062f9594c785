"""What may be done with apps, roles and the audit log."""
