"""Pay runs as each role sees them: the board, the tabs, and what is masked for whom, in pages and in files."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from sync.models import PayrollSettings, PostingLine
from tenants.models import Role
from tests.admin.desk import Desk, desk_with
from tests.cast import make_cast
from tests.sync.story import tell

TABS = ("journal", "variance", "problems", "reconciliation", "history")
MONEY = re.compile(r"\d\.\d\d\b")


@pytest.fixture(scope="module")
def desk(sandbox: dict[str, str]) -> Desk:
    """Two fortnights; the first is posted and tied out, the second ready for review. Nobody changes it further."""
    now = datetime.now(UTC)
    first = (now - timedelta(days=15)).date()
    payroll = {"runs": 2, "frequency": "BIWEEKLY", "first_check_date": first.isoformat(), "route": "v2"}
    told = desk_with(sandbox, rippling={"size": 24, "now": now.isoformat(), "payroll": payroll})
    told.post()
    told.pay_run = told.payday.pay_runs()[-1]
    return told


def test_a_viewer_sees_no_amount_anywhere(desk: Desk) -> None:
    amounts = desk.amounts()
    assert amounts
    for pay_run in desk.payday.pay_runs():
        desk.pay_run = pay_run
        for tab in TABS:
            shown = desk.see(Role.VIEWER, tab)
            assert not amounts & set(re.findall(r"[\d,]+\.\d\d", shown)), tab
    assert "•••" in desk.see(Role.VIEWER)
    assert not amounts & set(re.findall(r"[\d,]+\.\d\d", desk.see_journal(Role.VIEWER, line="1")))


def test_a_viewer_sees_none_in_a_file_either(desk: Desk) -> None:
    posting = desk.payday.postings(desk.pay_run)[0]
    for tab, name in (("journal", f"journal-{posting.pk}"), ("variance", "variance-USD"), ("variance", "largest-USD")):
        rows = desk.see(Role.VIEWER, tab, csv=name)
        assert "•••" in rows
        assert not MONEY.search(rows.partition("\r\n")[2]), name


def test_a_preparer_sees_groups_and_never_one_persons_line(desk: Desk) -> None:
    with desk.payday.scope():
        lines = list(PostingLine.objects.filter(posting__pay_run=desk.pay_run))
    alone = {f"{line.debit or line.credit:,.2f}" for line in lines if line.people == 1}
    groups = {f"{line.debit or line.credit:,.2f}" for line in lines if line.people > 1}
    assert alone
    assert groups
    for tab in TABS:
        shown = set(re.findall(r"[\d,]+\.\d\d", desk.see(Role.PREPARER, tab)))
        assert not (alone - groups) & shown, tab
    assert groups & set(re.findall(r"[\d,]+\.\d\d", desk.see(Role.PREPARER)))


def test_what_a_line_is_made_of_says_which_rule_won(desk: Desk) -> None:
    with desk.payday.scope():
        line = PostingLine.objects.filter(posting__pay_run=desk.pay_run, account="21500-000-0000", people__gt=1)[0]
    shown = desk.see_journal(Role.PREPARER, line=str(line.number))

    assert "default of the pay item" in shown
    assert "Net Pay" in shown or "net pay" in shown


def test_one_persons_line_is_not_told_by_what_it_is_made_of(desk: Desk) -> None:
    with desk.payday.scope():
        line = PostingLine.objects.filter(posting__pay_run=desk.pay_run, people=1)[0]
    shown = desk.see_journal(Role.PREPARER, line=str(line.number), csv=f"line-{line.number}")

    assert "•••" in shown
    assert not MONEY.search(shown)


def test_the_variance_compares_with_the_run_before(desk: Desk) -> None:
    shown = desk.see(Role.APPROVER, "variance")

    assert "Compared with" in shown
    assert "<svg" in shown
    assert "The same figures are in the table below" in shown


def test_a_chart_gives_a_masked_bar_no_length_of_its_own(desk: Desk) -> None:
    shown = desk.see(Role.VIEWER, "variance")
    widths = set(re.findall(r'<rect class="masked"[^>]* width="(\d+)"', shown))

    assert widths == {"70"}
    assert '<rect class="s0"' not in shown


def test_the_tie_out_is_green_only_for_what_was_read_back(desk: Desk) -> None:
    latest, first = desk.pay_run, desk.payday.pay_runs()[0]
    waiting = desk.see(Role.PREPARER)
    desk.pay_run = first
    tied = desk.see(Role.PREPARER)
    figures = desk.see(Role.PREPARER, "reconciliation")
    desk.pay_run = latest

    assert "tone-good" not in waiting
    assert '<span class="light tone-good">Reconciled</span>' in tied
    assert "Everything agrees to the cent" in figures


def test_the_board_shows_what_happened_and_what_is_to_come(desk: Desk) -> None:
    shown = desk.at(Role.VIEWER).get(reverse("admin:sync_payrun_changelist")).content.decode()

    for words in ("Reconciled", "Ready for review", "Expected"):
        assert f">{words}</span>" in shown
    assert not MONEY.search(shown)


def test_the_list_is_filtered_by_state_and_goes_on_by_key(desk: Desk) -> None:
    page = desk.at(Role.VIEWER).get(reverse("admin:sync_payrun_changelist"), {"state": "reconciled"})
    first, second = desk.payday.pay_runs()
    place = f"{second.check_date.isoformat()}.{second.pk}"
    below = desk.at(Role.VIEWER).get(reverse("admin:sync_payrun_changelist"), {"before": place})

    assert [run.pk for run, *_ in page.context["runs"]] == [first.pk]
    assert [run.pk for run, *_ in below.context["runs"]] == [first.pk]
    assert below.context["lines"] == []


def test_before_a_start_date_is_chosen_the_board_asks_for_it(sandbox: dict[str, str]) -> None:
    cast = make_cast()
    story = tell(sandbox, tenant=cast.acme)
    with story.scope():
        PayrollSettings.objects.update(start_date=None)
    pat = Client()
    pat.force_login(cast.people[Role.PREPARER])
    address = reverse("admin:sync_payrollsettings_change", args=[story.integration.pk])

    board = pat.get(reverse("admin:sync_payrun_changelist")).content.decode()
    form = pat.get(address).context["form"]
    values = {name: form[name].value() for name in form.fields if form[name].value() not in (None, False)}
    saved = pat.post(
        address, {**values, "start_date": "2026-02-01", "two_people": "", "fewest_people": "9"}, follow=True
    )

    assert "Choose a start date" in board
    assert address in board
    assert "Saved." in saved.content.decode()
    with story.scope():
        settings = PayrollSettings.objects.get()
    assert str(settings.start_date) == "2026-02-01"
    # What guards against those who work with it is an administrator's to change.
    assert settings.two_people
    assert settings.fewest_people == 2


def test_an_account_that_does_not_exist_is_refused_at_its_field(desk: Desk) -> None:
    address = reverse("admin:sync_payrollsettings_change", args=[desk.payday.story.integration.pk])
    form = desk.at(Role.PREPARER).get(address).context["form"]
    values = {name: form[name].value() for name in form.fields if form[name].value() not in (None, False)}
    answer = desk.at(Role.PREPARER).post(address, {**values, "rounding_account": "99999-nowhere"})

    assert answer.context["form"].errors["rounding_account"]
    assert desk.at(Role.VIEWER).post(address, values).status_code == 403
    with desk.payday.scope():
        assert PayrollSettings.objects.get().rounding_account == ""
