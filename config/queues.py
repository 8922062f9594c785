"""The Celery queues. A lane is a queue with workers of its own, so that urgent work never waits behind bulk."""

from kombu import Queue

URGENT = "urgent"
BULK = "bulk"
UPKEEP = "upkeep"

LANES = (URGENT, BULK, UPKEEP)


def queues(broker_url: str) -> list[Queue]:
    """The queues as the broker wants them: quorum queues on RabbitMQ, so that a node's death loses no wake-up."""
    arguments = {"x-queue-type": "quorum"} if broker_url.startswith("amqp") else None
    return [Queue(lane, queue_arguments=arguments) for lane in LANES]


def transport_options(broker_url: str) -> dict[str, object]:
    """What the broker's client needs to be told.

    Redis gives a message out again when it is unacknowledged for visibility_timeout; no task of ours runs so long,
    and if one did, its second run would find nothing due. RabbitMQ drops messages on a closed channel unless each
    publish is confirmed.
    """
    if broker_url.startswith("amqp"):
        return {"confirm_publish": True}
    return {
        "visibility_timeout": 600,
        "socket_timeout": 30,
        "socket_connect_timeout": 5,
        "socket_keepalive": not broker_url.startswith("redis+socket"),
        "health_check_interval": 25,
        "retry_on_timeout": True,
    }
