"""Django settings. Values come from config.env; nothing else reads the environment."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.utils.csp import CSP

from config import embedded, env, gateway_addresses, logging, queues, release, schedule
from config.theme import UNFOLD as UNFOLD
from config.time_limits import SERVER_WATCHES, WE_WATCH

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
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", urlsplit(PUBLIC_URL).hostname or "" if IS_PRODUCTION else "*")
ALLOWED_HOSTS += ["127.0.0.1", "localhost"]  # health checks of the same machine or container

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
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "config.api_road.ApiRoad",  # what stands below it serves screens alone
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.two_step.TwoStepRequired",
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
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
# Allows prepared statements where they are asked for (core.sql); the ORM never does.
DATABASES["default"]["OPTIONS"].setdefault("prepare_threshold", 5)
# What is prepared there has one best plan. Left to itself the server made a new one at each call of the statements that
# take arrays: 300 us of its CPU to find whom a push is for instead of 40.
_ONE_PLAN = "-c plan_cache_mode=force_generic_plan"
# The planner's workbench for a million people stays in memory: a tenth of its processor time. A session takes it as its
# temporary tables grow, and gives it back with the connection, so within CONN_MAX_AGE.
_ROOM_FOR_A_PLAN = "-c temp_buffers=128MB"
DATABASES["default"]["OPTIONS"]["options"] = " ".join(
    [DATABASES["default"]["OPTIONS"].get("options", ""), _ONE_PLAN, _ROOM_FOR_A_PLAN, SERVER_WATCHES]
).strip()
DATABASES["default"]["OPTIONS"] = {**WE_WATCH, **DATABASES["default"]["OPTIONS"]}
_given_name = DATABASES["default"]["OPTIONS"].get("application_name", "")
DATABASES["default"]["OPTIONS"]["application_name"] = release.connection_name(_given_name)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
LOCALE_PATHS = [BASE_DIR / "locale"]

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Outside production files are served from where they lie; production collects them once, with hashed names.
STATIC_ROOT = BASE_DIR / "staticfiles" if IS_PRODUCTION else None
WHITENOISE_USE_FINDERS = not IS_PRODUCTION
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if IS_PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# Empty: the embedded Valkey.
BROKER_URL = env.text("CELERY_BROKER_URL")
CELERY_BROKER_URL = BROKER_URL or EMBEDDED.broker_url()
CELERY_BROKER_TRANSPORT_OPTIONS = queues.transport_options(CELERY_BROKER_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # for ever: a worker outlives its broker
CELERY_TASK_QUEUES = queues.queues(CELERY_BROKER_URL)
CELERY_TASK_DEFAULT_QUEUE = queues.BULK
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
# A web request that cannot wake a worker must not wait for the broker: beat's next tick does it.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_DB_REUSE_MAX = 10**9  # config.celery mends connections after each task instead
# Remote control's broadcast channel is one more thing that may go deaf after a reconnect; nothing here needs it.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "config.beat:SteadyScheduler"
CELERY_BEAT_SCHEDULE = schedule.beat_schedule()

CACHE_URL = env.text("CACHE_URL") or env.cache_beside(BROKER_URL)
if IS_PRODUCTION and BROKER_URL and not CACHE_URL:
    raise env.MissingSetting("CACHE_URL is not set: a broker that is no Redis or Valkey cannot be the cache too")
CACHE_URL = CACHE_URL or EMBEDDED.cache_url()
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CACHE_URL,
        # A cache that hangs must not hang a request.
        "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
    }
}

# The largest rule of the segment builder: 50 lines with five conditions each are 2,100 inputs.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "apps.core.sealed_uploads.SealedUploadHandler",  # what is too large for it touches the disk sealed
]

# Requests a minute: of one secret key, and of one address with a publishable key.
API_REQUESTS_PER_MINUTE = int(env.text("API_REQUESTS_PER_MINUTE", "120000"))
API_PUBLIC_REQUESTS_PER_MINUTE = int(env.text("API_PUBLIC_REQUESTS_PER_MINUTE", "3000"))
REST_FRAMEWORK = {"UNAUTHENTICATED_USER": None, "DEFAULT_SCHEMA_CLASS": "apps.api.openapi.CallSchema"}
SPECTACULAR_SETTINGS = {
    "TITLE": "Heliograph",
    "VERSION": "2.1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/v2.1",
    "POSTPROCESSING_HOOKS": ["apps.api.openapi.finish"],
}

# For how long events are kept; 0 = for ever.
EVENTS_KEPT_DAYS = int(env.text("HELIOGRAPH_EVENTS_KEPT_DAYS", "396"))

# For how long the link to a person's preferences works that a message carries.
PREFERENCE_LINK_DAYS = int(env.text("HELIOGRAPH_PREFERENCE_LINK_DAYS", "90"))

LOGGING = logging.configuration(as_json=IS_PRODUCTION, level=env.text("LOG_LEVEL", "INFO"))

LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())
# Of owners, developers and superusers.
PRIVILEGED_SESSION_AGE = int(timedelta(hours=4).total_seconds())
# Roles that log in with a code, too; superusers do where any role does.
SECOND_FACTOR_ROLES = env.words("HELIOGRAPH_SECOND_FACTOR_ROLES", "owner,developer" if IS_PRODUCTION else "")

# 'unsafe-eval' is added under /admin/ alone (unfold's Alpine needs it).
SECURE_CSP: dict[str, list[str]] = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF, CSP.UNSAFE_INLINE],
    "img-src": [CSP.SELF, "data:"],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}

# A batch whose worker shows no sign of life for so long goes to another one.
DELIVERY_LEASE_SECONDS = float(env.text("HELIOGRAPH_LEASE_SECONDS", "45"))
# A person may then type addresses of this machine, which the guarded client refuses otherwise.
HEALTH_PROBE_ALLOWS_LOOPBACK = not IS_PRODUCTION and env.text("HEALTH_PROBE_ALLOWS_LOOPBACK") == "1"
WEBHOOKS_ALLOW_LOOPBACK = not IS_PRODUCTION and env.text("WEBHOOKS_ALLOW_LOOPBACK") == "1"
# Where notices leave; "" = nobody is written to, and the admin alone says it.
EMAIL_URL = env.text("EMAIL_URL")
EMAIL_TIMEOUT = 10
if EMAIL_URL:
    vars().update(env.mail(EMAIL_URL))
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", f"heliograph@{urlsplit(PUBLIC_URL).hostname}")
GATEWAY_ENDPOINTS = gateway_addresses.endpoints(DATA_DIR, may_be_sandbox=not IS_PRODUCTION)

if IS_PRODUCTION:
    # Heliograph stands behind a proxy that speaks TLS and sets X-Forwarded-Proto.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
    SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds())
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
    # Whether the domain's other hosts speak TLS is for their owner to say, in the proxy.
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
