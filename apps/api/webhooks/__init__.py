"""Webhooks: an app's own servers are told what became of its pushes, signed as Standard Webhooks says."""
