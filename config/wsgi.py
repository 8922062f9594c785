"""WSGI entry: what `up` serves."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from config.memory import spare_the_collector
from config.time_limits import limit_statements

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
limit_statements("web")
get_resolver().url_patterns  # noqa: B018 # every view is loaded now, not in somebody's first request
spare_the_collector()
