"""Values that people are described by: departments, cost centers, locations, legal entities.

Source: dynamics §3, §6.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connectors.dynamics.dimensions import Dimensions
from connectors.dynamics.odata import OData
from connectors.dynamics.schemas import EMPLOYMENT_TYPES, LegalEntityRow, UnitRow, columns
from connectors.records import OrgUnit, RefKind

UNITS = {
    RefKind.DEPARTMENT: "DepartmentsV2",
    RefKind.COST_CENTER: "CostCenters",
    RefKind.LOCATION: "BusinessUnits",
}
"""Which operating units a kind has."""
ORG_KINDS = (*UNITS, RefKind.COMPANY, RefKind.EMPLOYMENT_TYPE)


class Reference:
    """The reference values of one environment.

    What an employment's dimension may hold is what is mapped to: where a dimension is set for departments or
    locations, its values are added to the units of that kind. Whether a dimension lists the units it takes its values
    from is not public (dynamics §6).
    """

    def __init__(self, odata: OData, dimensions: Dimensions) -> None:
        self._odata = odata
        self._settings = odata.settings
        self._dimensions = dimensions

    def units(self, kind: RefKind) -> Iterator[OrgUnit]:
        """Every value of one kind, each once; none for a kind Dynamics does not have."""
        match kind:
            case RefKind.COMPANY:
                yield from self._companies()
            case RefKind.EMPLOYMENT_TYPE:
                yield from (OrgUnit(kind=kind, id=name, code=name, name=name) for name in EMPLOYMENT_TYPES)
            case RefKind.DEPARTMENT | RefKind.COST_CENTER | RefKind.LOCATION:
                yield from self._operating_units(kind)

    def _operating_units(self, kind: RefKind) -> Iterator[OrgUnit]:
        seen: set[str] = set()
        order = ("OperatingUnitNumber",)
        for row in self._odata.rows(UNITS[kind], select=columns(UnitRow), order=order, type=UnitRow):
            number = row.operating_unit_number
            seen.add(number.casefold())
            yield OrgUnit(kind=kind, id=number, code=number, name=row.name or number)
        yield from self._dimension_values(kind, seen)

    def _dimension_values(self, kind: RefKind, seen: set[str]) -> Iterator[OrgUnit]:
        dimension = self._settings.people.dimensions.get(kind.value)
        if dimension:
            today = self._settings.people.day_of(self._odata.context.now())
            for company in self._settings.legal_entities:
                for value in self._dimensions.values(dimension, company):
                    if value.value.casefold() in seen or (value.shared and company != self._settings.legal_entities[0]):
                        continue
                    if not value.shared:
                        # Shared ones, of which there may be very many, were all given for the first legal entity.
                        seen.add(value.value.casefold())
                    active = not value.problem(today)
                    name = value.name or value.value
                    yield OrgUnit(kind=kind, id=value.value, code=value.value, name=name, active=active)

    def _companies(self) -> Sequence[OrgUnit]:
        order = ("LegalEntityId",)
        rows = self._odata.rows("LegalEntities", select=columns(LegalEntityRow), order=order, type=LegalEntityRow)
        names = {row.legal_entity_id.lower(): row.name for row in rows}
        own = [company for company in self._settings.legal_entities if company in names]
        return [OrgUnit(kind=RefKind.COMPANY, id=one, code=one, name=names[one] or one) for one in own]
