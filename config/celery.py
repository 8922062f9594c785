"""The Celery application: JSON only, no results, late acks, no prefetch. A task is a wake-up, never the work."""

import os
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("heliograph")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["config"], related_name="heartbeat")


@signals.setup_logging.connect
def _keep_logging_as_settings_say(**_: Any) -> None:
    """Being connected is enough: Celery then leaves logging alone."""


@signals.beat_init.connect
def _forget_removed_ticks(**_: Any) -> None:
    from config.schedule import forget_removed

    forget_removed()
