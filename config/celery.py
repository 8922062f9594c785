"""The Celery application: JSON only, no results, late acks, no prefetch. A task is a wake-up, never the work."""

import os
from typing import Any

from celery import Celery, signals

from config import stopping
from config.pulse import Recorder

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("heliograph")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["config"], related_name="heartbeat")

_pulse = Recorder()


@signals.setup_logging.connect
def _keep_logging_as_settings_say(**_: Any) -> None:
    """Being connected is enough: Celery then leaves logging alone."""


@signals.beat_init.connect
def _forget_removed_ticks(**_: Any) -> None:
    from config.schedule import forget_removed

    forget_removed()


@signals.worker_shutting_down.connect
def _tell_tasks_to_stop(**_: Any) -> None:
    stopping.requested.set()


@signals.task_prerun.connect
def _begin_task(**_: Any) -> None:
    _pulse.begin()
    _mend_connections()


@signals.task_postrun.connect
def _end_task(**_: Any) -> None:
    _mend_connections()
    _pulse.end()


@signals.after_task_publish.connect
def _record_sending(**_: Any) -> None:
    _pulse.touch()


def _mend_connections() -> None:
    """Keep the thread's database connection from task to task, unless it broke or is too old.

    Celery itself would close it twice a task (settings.CELERY_DB_REUSE_MAX keeps it from that).
    """
    from django.db import close_old_connections

    close_old_connections()
