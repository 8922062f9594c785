"""The Celery application: JSON only, no results, late acks, no prefetch. A task is a wake-up, never the work."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("heliograph")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
