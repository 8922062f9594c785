"""ASGI entry, for servers that speak it."""

import os

from django.core.asgi import get_asgi_application

from config.time_limits import limit_statements

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_asgi_application()
limit_statements("web")
