"""Whose it is: apps (tenants), roles, audit."""
