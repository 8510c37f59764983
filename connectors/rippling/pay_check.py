"""By which of the three routes this customer's pay runs can be read, and what to do when it is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from connectors.contract import CheckResult, Finding, Level
from connectors.errors import ConnectionConfigError, ConnectorError, TemporaryError
from connectors.rippling.client import (
    EMPLOYEES,
    PAY_RUNS,
    PLATFORM_PAY_RUNS,
    REPORTS,
    WORKERS,
    Entity,
    PlatformClient,
    RestClient,
    refused_with,
)
from connectors.rippling.payroll import NO_ROUTE
from connectors.rippling.reports import ReportPayroll

PAYROLL = "payroll"
NAMES = {"v2": "the REST API (v2)", "v1": "the Platform API (v1)", "report": "the saved payroll report"}
NEEDS: dict[str, Entity] = {"v2": PAY_RUNS, "v1": PLATFORM_PAY_RUNS, "report": REPORTS}


class Probe(NamedTuple):
    """What one route answered; ``access`` as in ``Finding``."""

    route: str
    works: bool
    access: str
    sentence: str


class PayCheck:
    """Asks the routes of a connection, cheaply: one row of each list, and a report is started and not waited for."""

    def __init__(
        self,
        rest: RestClient,
        platform: PlatformClient,
        report: Callable[[], ReportPayroll],
        *,
        has_report: bool,
        uses_rest: bool,
        known: str,
    ) -> None:
        self._rest = rest
        self._platform = platform
        self._report = report
        self._uses_rest = uses_rest
        self._known = known
        self._own = "v2" if uses_rest else "v1"
        other = "v1" if uses_rest else "v2"
        self._routes = (self._own, *(["report"] if has_report else []), other)

    def with_payroll(self, result: CheckResult, choice: str) -> CheckResult:
        """``result`` with a finding on pay runs and the route learned; ``choice`` is the setting. Raises nothing.

        A route that does not answer is not forgotten: what the last check found (``known``) stays.
        """
        if choice == "none":
            return _added(result, "none", [])
        probes: list[Probe] = []
        for route in self._routes if choice == "auto" else (choice,):
            probes.append(self._probe(route, result.learned))
            if probes[-1].works and probes[-1].access != "empty":
                break
        working = sorted((probe for probe in probes if probe.works), key=lambda probe: probe.access == "empty")
        if not working:
            silent = any(probe.access == "unreachable" for probe in probes)
            return _added(result, self._known if silent else "none", [_nothing(probes)])
        best = working[0]
        found = Finding(entity="pay runs", level=Level.OK, access=best.access, sentence=best.sentence)
        return _added(result, best.route, [found])

    def _probe(self, route: str, learned: Mapping[str, str]) -> Probe:
        try:
            if route == "report":
                return self._start_report()
            if learned.get(route) == "no":
                return Probe(route, False, "forbidden", f"The token does not work with {NAMES[route]}.")
            if route != self._own and not self._same_people():
                return Probe(
                    route, False, "unknown",
                    f"{_capital(NAMES[route])} is not used for pay runs, because it does not know people by the ids "
                    f"that {NAMES[self._own]} gives them.",
                )  # fmt: skip
            client = self._rest if route == "v2" else self._platform
            rows = client.sample(NEEDS[route])
        except ConnectorError as error:
            return _refusal(route, error, learned)
        if not rows:
            return Probe(route, True, "empty", f"Pay runs may be read through {NAMES[route]}; Rippling has none yet.")
        return Probe(route, True, "granted", f"Pay runs can be read through {NAMES[route]}.")

    def _start_report(self) -> Probe:
        self._report().start()
        return Probe(
            "report", True, "unknown",
            "Pay runs are read from the saved payroll report, which Rippling has started. Whether it has the columns "
            "named in the settings was not waited for; the first reading tells.",
        )  # fmt: skip

    def _same_people(self) -> bool:
        """Whether one person has one id in both APIs, which is likely and not documented. Source: rippling §11."""
        employee_id = self._platform.sample_id(EMPLOYEES) if self._uses_rest else self._rest.sample_id(WORKERS)
        if employee_id is None:
            return True
        client = self._rest if self._uses_rest else self._platform
        return (client.worker if isinstance(client, RestClient) else client.employee)(employee_id) is not None


def _refusal(route: str, error: ConnectorError, learned: Mapping[str, str]) -> Probe:
    entity, bought = NEEDS[route], learned.get("entitlements", "")
    if refused_with(error, 403) and bought and entity.tier and entity.tier.lower() not in bought.lower():
        sentence = f"Your company's Rippling contract does not include “{entity.tier}”, which {NAMES[route]} needs."
        return Probe(route, False, "not_subscribed", sentence)
    if isinstance(error, TemporaryError):
        return Probe(route, False, "unreachable", error.sentence)
    return Probe(route, False, "forbidden" if isinstance(error, ConnectionConfigError) else "unknown", error.sentence)


NEAREST_FIRST = ("unreachable", "forbidden", "unknown", "not_subscribed")


def _nothing(probes: Sequence[Probe]) -> Finding:
    """A warning, because people can be synced without payroll. Its cause is the one nearest to being mended."""
    nearest = min(probes, key=lambda probe: NEAREST_FIRST.index(probe.access))
    said = " ".join(dict.fromkeys(probe.sentence for probe in probes))
    return Finding(
        entity="pay runs",
        level=Level.WARNING,
        access=nearest.access,
        sentence=f"{NO_ROUTE} {said}",
        affects=(PAYROLL,),
    )


def _added(result: CheckResult, route: str, findings: Sequence[Finding]) -> CheckResult:
    return CheckResult(
        findings=[*result.findings, *findings],
        learned=result.learned | {"payroll_route": route},
        account=result.account,
    )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
