"""What planning needs to know of a page's workers, in a constant number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from django.db import transaction
from django.db.models import Q
from msgspec import UNSET

from connectors.contract import WorkerTarget
from connectors.records import RefKind, Worker
from sync.mapping import MappingTable, Rule
from sync.models import Integration, Link, Mapping, ReferenceValue, TargetEmployee
from sync.planning import SOURCE_OF, LinkState, Match, Surroundings, is_usable

_LINK = ("source_id", "target_id", "company", "active", "fingerprint", "manager", "manager_due", "number")


class SurroundingsLoader:
    """Loads ``Surroundings`` page by page for one run; mappings and target values are read once."""

    def __init__(self, integration: Integration, target: WorkerTarget, today: date) -> None:
        self.integration = integration
        self.target = target
        self.today = today
        self.fields = [field for field in target.worker_fields if field.kind in SOURCE_OF]
        self.mappings = load_mapping_table(integration, today, {field.kind for field in self.fields})
        self._key = str(integration.key)

    def around(self, workers: Sequence[Worker]) -> Surroundings:
        """One query for a page whose workers are all linked under their numbers, four for one with newcomers."""
        wanted = {worker.id for worker in workers}
        wanted.update(worker.manager_id for worker in workers if isinstance(worker.manager_id, str))
        # One transaction: the tenant is told to the database once and not once a query.
        with transaction.atomic():
            return self._around(workers, wanted)

    def _around(self, workers: Sequence[Worker], wanted: set[str]) -> Surroundings:
        links = self._links(source_id__any_of=wanted)
        newcomers = [w for w in workers if w.id not in links or w.number not in (links[w.id].number, None, UNSET)]
        persons: dict[str, LinkState] = {}
        numbers: dict[str, str] = {}
        matches: dict[str, list[Match]] = defaultdict(list)
        if newcomers:
            persons = self._persons({worker.person_id for worker in newcomers if worker.person_id})
            given = {worker.number for worker in newcomers if isinstance(worker.number, str) and worker.number}
            wanted_numbers = {number for number in given if is_usable(number)}
            # Also an employee whom another integration keeps in this target is somebody's already.
            held = Q(integration=self.integration) | Q(integration__target_id=self.integration.target_id, active=True)
            numbers = dict(
                Link.objects.filter(held, number__any_of=wanted_numbers)
                .order_by("active")
                .values_list("number", "source_id")
            )
            directory = TargetEmployee.objects.filter(
                connection_id=self.integration.target_id, number__any_of=wanted_numbers
            )
            for number, target_id, company, active in directory.values_list("number", "target_id", "company", "active"):
                matches[number].append(Match(target_id, company, active))
        return Surroundings(
            today=self.today,
            fields=self.fields,
            mappings=self.mappings,
            links=links,
            persons=persons,
            numbers=numbers,
            matches=matches,
            reference_for=lambda worker_id: self.target.reference_for(self._key, worker_id),
            holds_managers=self.target.holds_managers,
        )

    def _links(self, **lookup: object) -> dict[str, LinkState]:
        rows = Link.objects.filter(integration=self.integration, **lookup).values_list(*_LINK)
        return {
            source_id: LinkState(source_id, target_id, company, active, bytes(print_of), due or manager, number)
            for source_id, target_id, company, active, print_of, manager, due, number in rows
        }

    def _persons(self, person_ids: set[str]) -> dict[str, LinkState]:
        rows = Link.objects.filter(integration=self.integration, person_id__any_of=person_ids).values_list(
            "person_id", "source_id"
        )
        by_source = {source_id: person_id for person_id, source_id in rows}
        links = self._links(source_id__any_of=by_source) if by_source else {}
        return {by_source[source_id]: link for source_id, link in links.items()}


def load_mapping_table(integration: Integration, day: date, kinds: set[RefKind]) -> MappingTable:
    """The confirmed mappings of these kinds in force on that local day, and what the target has of them."""
    rows = Mapping.objects.filter(integration=integration, state=Mapping.State.CONFIRMED, kind__in=kinds)
    rules = [
        Rule(kind=RefKind(kind), source_key=source, target_key=target, valid_from=start, valid_to=stop)
        for kind, source, target, start, stop in rows.values_list(
            "kind", "source_key", "target_key", "valid_from", "valid_to"
        )
    ]
    values: dict[tuple[RefKind, str], set[str]] = defaultdict(set)
    known = ReferenceValue.objects.filter(connection_id=integration.target_id, kind__in=kinds)
    for kind, key, company, active in known.values_list("kind", "external_id", "company", "active"):
        companies = values[(RefKind(kind), key)]
        if active:
            companies.add(company)
    return MappingTable(rules, day, {key: frozenset(companies) for key, companies in values.items()})
