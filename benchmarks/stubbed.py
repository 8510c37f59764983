"""The product with runs that do nothing: the settings and the application of the workers of ``benchmarks.schedules``.

Everything around a run is the product's own: its clock, job, claim, lease, audit entries and end. Only what moves
between the two systems is left out, which takes as long as vendors take.
"""

from __future__ import annotations

from django.apps import AppConfig
from django.utils import timezone

from config import settings as product

globals().update({name: getattr(product, name) for name in dir(product) if name.isupper()})
INSTALLED_APPS = [*product.INSTALLED_APPS, "benchmarks.stubbed.StubbedRuns"]


class StubbedRuns(AppConfig):
    name = "benchmarks"

    def ready(self) -> None:
        """From now on a run of this process has moved everything at once."""
        from sync import execution
        from sync.execution import World
        from sync.models import Run
        from sync.runs import end

        def moved(run: Run, world: World) -> None:
            end(run, Run.State.SUCCEEDED, "Nothing was to be moved.", now=timezone.now())

        execution._execute = moved
