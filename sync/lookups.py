"""``column__any_of=values``: like ``__in``, with one parameter however many values there are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import CharField, Lookup


class AnyOf(Lookup):
    """A page's hundreds of ids as placeholders cost more than the query they are for."""

    lookup_name = "any_of"
    prepare_rhs = False
    rhs: Iterable[Any]

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, parameters = self.process_lhs(compiler, connection)
        return f"{left} = ANY(%s)", (*parameters, list(self.rhs))


CharField.register_lookup(AnyOf)
