"""Whether this worker was asked to stop: a long task looks here between two slices and ends at the next safe point."""

import threading

requested = threading.Event()
