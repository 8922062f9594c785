"""Django settings. Values come from config.env; nothing else reads the environment."""

from datetime import timedelta
from typing import Any

from django.utils.csp import CSP

from config import embedded, env
from config.queues import BULK, QUEUES
from config.theme import UNFOLD as UNFOLD

BASE_DIR = env.BASE_DIR
DATA_DIR = env.DATA_DIR
IS_PRODUCTION = env.IS_PRODUCTION
DEBUG = False
# The servers of `manage.py up`, which every command with the same data directory joins.
EMBEDDED = embedded.known(DATA_DIR)

SECRET_KEY = env.secret("SECRET_KEY", "text")
# First key encrypts, all decrypt: "k2:<base64>,k1:<base64>". `rotate_keys` re-encrypts rows under the first.
FIELD_ENCRYPTION_KEYS = env.secret("FIELD_ENCRYPTION_KEYS", "key").split(",")
PUBLIC_URL = env.text("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "" if IS_PRODUCTION else "*")

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_celery_beat",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "apps.core",
    "apps.accounts",
    "apps.customers",
    "apps.devices",
    "apps.deliveries",
    "apps.segments",
    "apps.campaigns",
    "apps.sms_booster",
    "apps.api",
    "apps.sandbox",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.csp.HouseContentSecurityPolicy",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASE_URL = env.required_in_production("DATABASE_URL")
DATABASES: dict[str, Any] = {
    "default": {
        **env.database(DATABASE_URL or EMBEDDED.database_url()),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
LOCALE_PATHS = [BASE_DIR / "locale"]

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True

BROKER_URL = env.text("CELERY_BROKER_URL")
CELERY_BROKER_URL = BROKER_URL or EMBEDDED.broker_url()
CELERY_TASK_QUEUES = QUEUES
CELERY_TASK_DEFAULT_QUEUE = BULK
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_TIMEZONE = "UTC"

LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())

# 'unsafe-eval' is added under /admin/ alone (unfold's Alpine needs it).
SECURE_CSP = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF, CSP.UNSAFE_INLINE],
    "img-src": [CSP.SELF, "data:"],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}

# Gateways: what stands before the vendor's path. The sandbox fills these outside production.
FCM_BASE_URL = env.text("FCM_BASE_URL")
APNS_HOST = env.text("APNS_HOST")
APNS_PORT = env.text("APNS_PORT")
WEBPUSH_ALLOWED_HOSTS = env.words("WEBPUSH_ALLOWED_HOSTS")
SMS_BASE_URL = env.text("SMS_BASE_URL")
GATEWAY_CA_FILE = env.text("GATEWAY_CA_FILE")
