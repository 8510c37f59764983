"""WSGI entry point. Does not start with keys that cannot open what is stored, nor with queues that are set up wrong."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()

# Only now: both need the applications to be loaded.
from django.db import connections  # noqa: E402

from config.queues import check_queues  # noqa: E402
from connectors.startup import check_keys  # noqa: E402

check_queues()
check_keys()
# A server that forks its workers must not hand them an open database connection.
connections.close_all()
