"""Whole roads through the house, over real sockets."""
