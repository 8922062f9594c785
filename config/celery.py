"""The Celery application: JSON only, no results, late acks, no prefetch. A task is a wake-up, never the work."""

import os
from typing import TYPE_CHECKING, Any

from celery import Celery, signals

from config import stopping
from config.memory import spare_the_collector
from config.pulse import Recorder

if TYPE_CHECKING:
    from config.polling import Poller
    from config.schedule import Tick

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("heliograph")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["config"], related_name="heartbeat")

# A worker asked to stop ends its slices within this time, in its own threads as in Celery's.
STOP_SECONDS = 20

_pulse = Recorder()
_pollers: list["Poller"] = []


@signals.setup_logging.connect
def _keep_logging_as_settings_say(**_: Any) -> None:
    """Being connected is enough: Celery then leaves logging alone."""


@signals.beat_init.connect
def _forget_removed_ticks(**_: Any) -> None:
    from config.schedule import forget_removed

    forget_removed()


@signals.celeryd_after_setup.connect
def _look_without_being_told(instance: Any, **_: Any) -> None:
    """Before the worker looks for its broker, so that it works without one. Looking for work takes long: by itself."""
    from config.polling import Poller
    from config.schedule import own_looks, own_ticks

    lanes = set(instance.app.amqp.queues.consume_from)
    for ticks in (own_ticks(lanes), own_looks(lanes)):
        if ticks:
            _pollers.append(Poller(ticks, _do_here, stopping.requested))
            _pollers[-1].start()


@signals.celeryd_init.connect
def _limit_statements(**_: Any) -> None:
    from config.time_limits import limit_statements

    limit_statements("worker")


@signals.worker_ready.connect
def _spare_the_collector(**_: Any) -> None:
    spare_the_collector()


@signals.worker_shutting_down.connect
def _tell_tasks_to_stop(**_: Any) -> None:
    stopping.requested.set()


@signals.worker_shutdown.connect
def _wait_for_pollers(**_: Any) -> None:
    stopping.requested.set()
    for poller in _pollers:
        poller.join(STOP_SECONDS)


@signals.task_prerun.connect
def _begin_task(task: Any, **_: Any) -> None:
    _pulse.begin()
    for poller in _pollers:
        poller.heard(task.name)
    _mend_connections()


@signals.task_postrun.connect
def _end_task(**_: Any) -> None:
    _mend_connections()
    _pulse.end()


@signals.after_task_publish.connect
def _record_sending(**_: Any) -> None:
    _pulse.touch()


def _do_here(tick: "Tick") -> None:
    _mend_connections()
    try:
        app.tasks[tick.task].run(*tick.arguments)
    finally:
        _mend_connections()


def _mend_connections() -> None:
    """Keep the thread's database connection from task to task, unless it broke or is too old.

    Celery itself would close it twice a task (settings.CELERY_DB_REUSE_MAX keeps it from that).
    """
    from django.db import close_old_connections

    close_old_connections()
