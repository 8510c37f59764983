"""Payroll out of a report the customer saved in Rippling: run it, wait for it, read its file. Source: rippling §8.4."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from urllib.parse import quote

from connectors.contract import ConnectorContext
from connectors.errors import (
    ConnectionConfigError,
    OutcomeUnknownError,
    RecordRejectedError,
    TemporaryError,
    UnexpectedReplyError,
)
from connectors.http import RefusedReply
from connectors.pay_runs import PayPage, PayRun
from connectors.rippling.client import REPORTS, RestClient, explained, read
from connectors.rippling.pay_schemas import ReportFile, ReportRun
from connectors.rippling.payroll import newest_first
from connectors.rippling.report_mapper import RUN_FIELDS, Register, run_of_row
from connectors.rippling.report_rows import Row, columns_of, rows_of
from connectors.rippling.signing_in import setting

PATIENCE = timedelta(minutes=15)
LONGEST_WAIT = 30
MARGIN = timedelta(minutes=1)
PAGE = 200
FILE_HOSTS = frozenset(
    {
        ".rippling.com",
        ".ripplingapis.com",
        "s3.amazonaws.com",
        ".s3.amazonaws.com",
        *(
            f"{dot}s3.{region}.amazonaws.com"
            for region in ("us-east-1", "us-east-2", "us-west-1", "us-west-2")
            for dot in ("", ".")
        ),
    }
)
"""Where a presigned link may lead. That it is one of these is our guess: the documents name no host."""


class ReportPayroll:
    """Every reading runs the report anew, save that the statements of a run come from the file its header is in."""

    def __init__(self, client: RestClient, context: ConnectorContext) -> None:
        self._http = client.http
        self._context = context
        self._report_id = setting(context, "payroll_report_id")
        self._output = setting(context, "payroll_report_format")
        if not self._report_id:
            raise ConnectionConfigError(
                "Pay runs are to be read from a report, but “Payroll report” in the settings of the Rippling "
                "connection is empty. Enter the id of a report saved in Rippling."
            )
        if self._output not in ("JSON", "CSV"):
            raise ConnectionConfigError("The format of the payroll report must be JSON or CSV.")
        self._columns = columns_of(setting(context, "payroll_report_columns"))
        self._file: ReportFile | None = None

    def pay_runs(self, since: date) -> Iterator[PayRun]:
        """Newest first. What the report itself leaves out, by a filter in Rippling, is not seen."""
        runs: dict[str, PayRun] = {}
        texts: dict[str, tuple[str, ...]] = {}
        self._file = None
        for row in self._rows():
            text = tuple(row.get(field, "") for field in RUN_FIELDS)
            known = texts.setdefault(row["run_id"], text)
            if known != text:
                raise UnexpectedReplyError(
                    "The payroll report shows one pay run with two different states, dates, titles or legal entities. "
                    "Correct the report in Rippling: these columns must be those of the pay run."
                )
            if row["run_id"] not in runs:
                runs[row["run_id"]] = run_of_row(row)
        yield from newest_first([run for run in runs.values() if run.check_date >= since])

    def pay_run(self, run_id: str) -> PayRun | None:
        return next((run for run in self.pay_runs(date.min) if run.id == run_id), None)

    def pay_pages(self, run: PayRun) -> Iterator[PayPage]:
        """Pages of at most 200; the run as a whole is held in memory, because its rows come in any order."""
        register = Register(run.id)
        for row in self._rows():
            if row["run_id"] == run.id:
                register.add(row)
        people = register.people()
        if not people:
            raise RecordRejectedError("The payroll report no longer has this pay run. Read the pay runs again.")
        for start in range(0, len(people), PAGE):
            yield register.page(people[start : start + PAGE])

    def start(self) -> ReportRun:
        """A new run of the report, as Rippling answered it. Optional fields left out: it refuses nulls."""
        body = {
            "report_id": self._report_id,
            "output_type": self._output,
            "include_object_ids": True,
            "format_date_fields": {"date_format": "ISO_8601"},
            "format_currency_fields": {"columns": "VALUE_ONLY"},
        }
        try:
            return self._http.write("POST", REPORTS.path, body).json(ReportRun)
        except OutcomeUnknownError as error:
            raise TemporaryError(
                "Rippling did not confirm that it started the payroll report. Nothing was changed; it will be tried "
                "again.",
                detail=error.detail,
            ) from None
        except RefusedReply as refused:
            if refused.status in (400, 404):
                raise ConnectionConfigError(
                    "Rippling does not run the payroll report of this connection. Check “Payroll report” in the "
                    "settings: it must be the id of a saved report that the token's maker may see.",
                    detail=refused.detail,
                ) from refused
            raise explained(refused, REPORTS, self._http) from refused

    def _rows(self) -> Iterator[Row]:
        file = self._file
        if file is None or not self._lasts(file):
            file = self._file = self._finished(self.start())
        try:
            yield from rows_of(self._http.download(file.file_url, hosts=FILE_HOSTS), self._output, self._columns)
        except RefusedReply as refused:
            self._file = None
            raise TemporaryError(
                "Rippling did not hand out the file of the payroll report. It will be made again.",
                detail=refused.detail,
            ) from refused

    def _lasts(self, file: ReportFile) -> bool:
        """Whether the link is good for another while; what its expiry looks like is not documented."""
        try:
            expires = datetime.fromisoformat(file.expires_at or "")
        except ValueError:
            return False
        return self._context.now() + MARGIN < (expires if expires.tzinfo else expires.replace(tzinfo=UTC))

    def _finished(self, run: ReportRun) -> ReportFile:
        deadline = self._context.now() + PATIENCE
        path, delay = f"{REPORTS.path}{quote(run.id, safe='')}/", 1
        while run.status == "IN_PROGRESS":
            if self._context.now() >= deadline:
                raise TemporaryError(
                    "Rippling did not finish the payroll report within a quarter of an hour. It will be run again; if "
                    "this goes on, have the report show fewer pay runs."
                )
            self._context.sleep(delay)
            delay = min(2 * delay, LONGEST_WAIT)
            run = read(self._http, REPORTS, path, []).json(ReportRun)
        if run.status == "FAILURE":
            raise TemporaryError(
                "Rippling could not finish the payroll report. Open the report in Rippling to see whether it still "
                "works there; it will be run again."
            )
        if run.status != "SUCCESS" or run.result is None:
            raise UnexpectedReplyError("Rippling says nothing we understand about the payroll report it ran.")
        return run.result
