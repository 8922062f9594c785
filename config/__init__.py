"""How the house is wired: settings, queues, schedule, servers. No domain word lives here."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
