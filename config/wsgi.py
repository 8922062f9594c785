"""WSGI entry: what `up` serves."""

import os

from django.core.wsgi import get_wsgi_application

from config.time_limits import limit_statements

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
limit_statements("web")
