"""The Celery queues. A lane is a queue with a worker of its own, so that urgent work never waits behind bulk."""

from kombu import Queue

URGENT = "urgent"
BULK = "bulk"
UPKEEP = "upkeep"

QUEUES = [Queue(URGENT), Queue(BULK), Queue(UPKEEP)]
