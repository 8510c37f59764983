"""Settings. Everything that differs between deployments is an environment variable, read and checked here.

Without any variable the project runs for development: an embedded PostgreSQL and keys made once, both under
``.data/``. With ``DATABASE_URL`` it runs for real: keys, hosts and the like must then be given.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from config import env, logging, queues
from config.database import databases
from config.development import development_keys
from config.mail import mail_server

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.text("ML_DATA_DIR", str(BASE_DIR / ".data")))
VERSION = "0.1.0"

# A deployment names its database; only a development checkout may invent its own keys.
DEPLOYED = bool(env.text("DATABASE_URL", "")) and not env.flag("ML_DEVELOPMENT", default=False)
_keys = None if DEPLOYED else development_keys(DATA_DIR)

DEBUG = False
SECRET_KEY = env.text("SECRET_KEY", _keys.secret_key if _keys else None)
# The first key encrypts, all of them decrypt. See `manage.py rotate_keys`.
FERNET_KEYS = env.words("FERNET_KEYS", _keys.fernet_key if _keys else "")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "" if DEPLOYED else "127.0.0.1,localhost,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

# Hosts an operator allows as vendor base URLs, besides the vendors' own; loopback is for the sandbox only.
ALLOWED_VENDOR_HOSTS = frozenset(env.words("ALLOWED_VENDOR_HOSTS"))
ALLOW_LOOPBACK_VENDORS = env.flag("ALLOW_LOOPBACK_VENDORS", default=not DEPLOYED)

# The operator's own app at each vendor, for connections that are installed instead of given a token.
VENDOR_APPS: dict[str, dict[str, Any]] = {
    "rippling": {
        "name": env.text("RIPPLING_APP_NAME", ""),
        "client_id": env.text("RIPPLING_CLIENT_ID", ""),
        "client_secret": env.text("RIPPLING_CLIENT_SECRET", ""),
        "redirect_uri": env.text("RIPPLING_REDIRECT_URI", ""),
        "settings": dict(pair.split("=", 1) for pair in env.words("RIPPLING_APP_SETTINGS") if "=" in pair),
        "webhook_key": env.text("RIPPLING_WEBHOOK_KEY", ""),
        "webhook_tokens": env.words("RIPPLING_WEBHOOK_TOKENS"),
        "webhook_secrets": env.words("RIPPLING_WEBHOOK_SECRETS"),
    }
}

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "config.apps.SiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework_api_key",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "pgtrigger",
    "tenants",
    "audit",
    "connectors",
    "sync",
    "config",
    # Behind ours: `config` replaces its `qcluster` command.
    "django_q",
]

MIDDLEWARE = [
    "config.health.ProbeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.middleware.CorrelationMiddleware",
    "config.middleware.TenantMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = databases(DATA_DIR)
DATABASE_ROUTERS = ["tenants.routers.OwnerMigrates"]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
# A development checkout collects nothing: files are looked up where they lie.
WHITENOISE_USE_FINDERS = not DEPLOYED
WHITENOISE_AUTOREFRESH = not DEPLOYED
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if DEPLOYED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# Secure by default; plain HTTP only where nothing but a development checkout runs.
SECURE_SSL_REDIRECT = DEPLOYED and env.flag("SECURE_SSL_REDIRECT", default=True)
SECURE_HSTS_SECONDS = env.number("SECURE_HSTS_SECONDS", 31_536_000) if DEPLOYED else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = DEPLOYED
SECURE_HSTS_PRELOAD = DEPLOYED
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.flag("BEHIND_TLS_PROXY", default=False) else None
SESSION_COOKIE_SECURE = DEPLOYED
CSRF_COOKIE_SECURE = DEPLOYED
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"

UNFOLD = {
    "SITE_TITLE": "ML Connector",
    "SITE_HEADER": "ML Connector",
    "SITE_SYMBOL": "sync_alt",
    "SITE_URL": "",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SIDEBAR": {"navigation": "config.site.navigation"},
    "DASHBOARD_CALLBACK": "sync.admin.dashboard.dashboard",
    "STYLES": ["config.site.stylesheet"],
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "config.site.mark"}],
    "COLORS": {
        "primary": {
            "50": "oklch(97% .014 254.604)",
            "100": "oklch(93.2% .032 255.585)",
            "200": "oklch(88.2% .059 254.128)",
            "300": "oklch(80.9% .105 251.813)",
            "400": "oklch(70.7% .165 254.624)",
            "500": "oklch(62.3% .214 259.815)",
            "600": "oklch(54.6% .245 262.881)",
            "700": "oklch(48.8% .243 264.376)",
            "800": "oklch(42.4% .199 265.638)",
            "900": "oklch(37.9% .146 265.522)",
            "950": "oklch(28.2% .091 267.935)",
        }
    },
}

Q_CLUSTER = queues.q_cluster()
# How long workers that are told to stop may go on with what they have in hand.
WORKER_GRACE_SECONDS = env.number("WORKER_GRACE_SECONDS", 100)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["config.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["tenants.permissions.RolePermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "sync.api.schema.ApiSchema",
    "EXCEPTION_HANDLER": "sync.api.errors.answer",
    # Per API key and web process, such as 20/s or 600/min.
    "DEFAULT_THROTTLE_RATES": {"api_key": env.text("API_RATE", "1200/min")},
}

SPECTACULAR_SETTINGS = {
    "TITLE": "ml-connector",
    "DESCRIPTION": "Keeps HR/payroll systems and ERPs in agreement, with proof of every record.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": False, "displayOperationId": False},
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "RoleEnum": "tenants.models.Role",
        "ConnectionStateEnum": "connectors.models.Connection.State",
        "RunStateEnum": "sync.models.Run.State",
        "ItemStateEnum": "sync.models.RunItem.State",
        "MappingStateEnum": "sync.models.Mapping.State",
        "ProblemStateEnum": "sync.models.Problem.State",
        "FlowKindEnum": "sync.models.Flow.Kind",
        "NoticeKindEnum": "sync.models.NoticeKind",
        "TimingKindEnum": "sync.models.Timing.Kind",
        "RunKindEnum": "sync.models.Run.Kind",
        "ReferenceKindEnum": "sync.models.mapping.KINDS",
        "SideEnum": "sync.api.connections.SIDES",
        "MappedKindEnum": "sync.api.integrations.MAPPED",
        "FindingCodeEnum": "sync.api.findings.CODES",
        "PayKindEnum": "sync.models.payroll.PAY_KINDS",
        "PayRunStateEnum": "sync.models.PayRun.State",
        "PostingStateEnum": "sync.models.Posting.State",
        "PostingKindEnum": "sync.models.Posting.Kind",
        "DeliveryStateEnum": "sync.models.Delivery.State",
    },
}

# How long a run may go without a sign of life before another worker may take it over.
RUN_LEASE_SECONDS = env.number("RUN_LEASE_SECONDS", 60)
# How long to wait before looking a second time for a write whose answer was lost.
SECOND_LOOK_SECONDS = env.number("SECOND_LOOK_SECONDS", 20)

# Where people reach this site: what links in mails begin with.
SITE_URL = env.text("SITE_URL", f"https://{ALLOWED_HOSTS[0].lstrip('.')}" if DEPLOYED else "http://127.0.0.1:8000")
_mail = mail_server(env.text("EMAIL_URL", ""))
MAIL_IS_SET_UP = bool(_mail.host)
EMAIL_BACKEND = _mail.backend
EMAIL_HOST, EMAIL_PORT = _mail.host, _mail.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.user, _mail.password
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.starttls, _mail.tls
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", f"ML Connector <no-reply@{urlsplit(SITE_URL).hostname}>")
# A monitor shows this to get /watch/; without it there is no such address.
WATCH_TOKEN = env.text("WATCH_TOKEN", "")

# Prometheus shows this to get /metrics; without it there is no such address.
METRICS_TOKEN = env.text("METRICS_TOKEN", "")

LOGGING = logging.configuration(env.text("LOG_LEVEL", "INFO").upper())
logging.configure()
