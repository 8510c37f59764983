"""What correcting a pay run would do: what stands on the ledger, held against what the run makes now. Writes nothing.

Compared are amounts per account: words of a line that have changed since are no reason to take a journal back.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

import msgspec
from django.db.models import QuerySet, Sum
from msgspec.structs import replace

from connectors.contract import LedgerTarget
from sync.models import PayRun, Posting, PostingLine
from sync.payroll.approval import Refusal, already_posted
from sync.payroll.days import open_day
from sync.payroll.drafting import CORRECTIONS, Because, made
from sync.payroll.drafts import AGAIN, DraftJournal, place_of
from sync.payroll.findings import Finding
from sync.payroll.money import ZERO
from sync.payroll.moving import moved_by_account
from sync.payroll.reading import load_lines
from sync.payroll.register import totals
from sync.payroll.surroundings import load_ledger, load_words
from sync.payroll.validation import control_totals, validate
from sync.payroll.wording import remedy_of, sentence_of

_S = Posting.State


class EffectKind(enum.StrEnum):
    """NOTHING: the ledger shows what the run makes. NEW: journals are drafted and none is reversed. REVERSE: journals
    are reversed and none takes their place. BLOCKED: the sentence says what must be done first."""

    NOTHING = "nothing"
    NEW = "new"
    REVERSE_AND_REPOST = "reverse_and_repost"
    REVERSE = "reverse"
    BLOCKED = "blocked"


class AccountEffect(msgspec.Struct, frozen=True, kw_only=True):
    """The net debit (debits minus credits) of an account: as it stands on the ledger by our journals, and after.

    ``moved`` is how many people's own part of it changes at least: whoever may not see the pay of ``people``, of
    ``people_before`` or of ``moved`` may not see any of it, since the difference is the pay of those who moved.
    """

    company: str
    currency: str
    account: str
    before: Decimal
    after: Decimal
    people_before: int
    people: int
    moved: int

    @property
    def difference(self) -> Decimal:
        """By how much the net debit grows."""
        return self.after - self.before


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One journal to reverse and the day of that, and the journal that takes its place; one of both may be missing.

    ``moved``: the run makes it for another day now.
    """

    posting: Posting | None = None
    reversed_on: date | None = None
    journal: DraftJournal | None = None
    moved: bool = False


Group = tuple[str, str, str]
"""Company of the ledger, currency, kind; an adjustment is of the kind it adjusts."""

Net = tuple[str, str, str]
"""Account, department, cost center."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A journal on the ledger that was not reversed: net debit and people by place."""

    posting: Posting
    nets: Mapping[Net, Decimal]
    people: Mapping[Net, int]

    @property
    def group(self) -> Group:
        """See ``Group``."""
        base = self.posting.adjusts or self.posting
        return self.posting.company, self.posting.currency, base.kind


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What correcting would do as of ``at``. ``steps`` are in the order of the journals' ids, what is new last;
    the journals in them are on the day they would be posted. ``standing`` are all our journals on the ledger,
    ``wanted`` what the run makes now."""

    kind: EffectKind
    sentence: str
    at: datetime
    accounts: Sequence[AccountEffect] = ()
    steps: Sequence[Step] = ()
    standing: Sequence[Standing] = ()
    wanted: Sequence[DraftJournal] = ()
    because: Because = msgspec.field(default_factory=dict)

    @property
    def reversed(self) -> list[Posting]:
        """The journals that would be taken back."""
        return [step.posting for step in self.steps if step.posting is not None]


def effect_of(pay_run: PayRun, target: LedgerTarget, *, now: datetime, posting_date: date | None = None) -> Effect:
    """What ``correcting.reverse_and_repost`` would do now. Nothing is asked over the wire.

    A run that payroll voided, took back or no longer shows makes no journals. Journals that are drafted, or on their
    way, are left to go their way; while a correction is among them, nothing else can be corrected.
    """
    under_way = _live(pay_run).exclude(state__in=[_S.POSTED, _S.RECONCILED])
    taken = {place_of(posting.key) for posting in under_way}
    standing = standing_of(pay_run)
    if corrections := [p for p in under_way if p.kind in CORRECTIONS or AGAIN in p.key]:
        sentence = f"A correction is prepared already: {corrections[0]}. Let it be posted, or reject it, first."
        return Effect(kind=EffectKind.BLOCKED, sentence=sentence, at=now, standing=standing)
    journals, because, findings = _made_now(pay_run, target)
    if findings:
        sentence = f"It cannot be made anew. {said(pay_run, findings[0])}"
        return Effect(kind=EffectKind.BLOCKED, sentence=sentence, at=now, standing=standing)
    wanted = [journal for journal in journals if journal.key not in taken]
    accounts = list(_account_effects(standing, wanted))
    try:
        steps = list(_dated(pay_run, _steps(standing, wanted), posting_date))
    except Refusal as refusal:
        sentence = str(refusal)
        return Effect(kind=EffectKind.BLOCKED, sentence=sentence, at=now, accounts=accounts, standing=standing)
    problems = validate([s.journal for s in steps if s.journal], load_ledger(pay_run.integration, target))
    if problems:
        sentence = f"It cannot be made anew. {said(pay_run, problems[0])}"
        return Effect(kind=EffectKind.BLOCKED, sentence=sentence, at=now, accounts=accounts, standing=standing)
    kind = _kind(steps)
    sentence = _sentence(pay_run, kind, steps, standing, bool(taken))
    return Effect(
        kind=kind,
        sentence=sentence,
        at=now,
        accounts=accounts,
        steps=steps,
        standing=standing,
        wanted=wanted,
        because=because,
    )


def is_true(pay_run: PayRun, target: LedgerTarget, *further: Posting) -> bool:
    """True when the ledger shows what the run makes now, or would once these journals are on it too."""
    journals, _, findings = _made_now(pay_run, target)
    return not findings and not any(_steps([*standing_of(pay_run), *_standing(further)], journals))


def standing_of(pay_run: PayRun) -> list[Standing]:
    """Our journals of the run on the ledger, reversed ones and reversals left out. Two queries."""
    on_ledger = _live(pay_run).filter(state__in=[_S.POSTED, _S.RECONCILED]).exclude(kind=Posting.Kind.REVERSAL)
    return _standing(list(on_ledger.select_related("adjusts")))


def _standing(postings: Sequence[Posting]) -> list[Standing]:
    nets: dict[int, dict[Net, Decimal]] = defaultdict(dict)
    people: dict[int, dict[Net, int]] = defaultdict(dict)
    rows = PostingLine.objects.filter(posting__in=postings).order_by()
    columns = rows.values_list("posting", "account", "department", "cost_center")
    for posting, *place, debit, credit, count in columns.annotate(Sum("debit"), Sum("credit"), Sum("people")):
        account, department, cost_center = place
        nets[posting][account, department, cost_center] = debit - credit
        people[posting][account, department, cost_center] = count
    return [Standing(posting=p, nets=nets[p.pk], people=people[p.pk]) for p in postings]


def group_of(journal: DraftJournal) -> Group:
    """See ``Group``."""
    return journal.company, journal.currency, journal.kind.value


def nets_of(journal: DraftJournal) -> dict[Net, Decimal]:
    """The net debit of each place of a draft."""
    nets: dict[Net, Decimal] = defaultdict(Decimal)
    for line in journal.lines:
        nets[line.account, line.department, line.cost_center] += line.debit - line.credit
    return nets


def by_account(nets: Iterable[Mapping[Net, Decimal]]) -> dict[str, Decimal]:
    """The sums per account, without those that come to zero."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for one in nets:
        for (account, _, _), amount in one.items():
            sums[account] += amount
    return {account: amount for account, amount in sums.items() if amount}


def said(pay_run: PayRun, finding: Finding) -> str:
    """Cause and remedy of a finding."""
    integration = pay_run.integration
    words = load_words(integration)
    names = {"source": integration.source.name, "target": integration.target.name}
    return f"{sentence_of(finding, words=words, **names)} {remedy_of(finding, words=words, **names)}"


def is_paid(pay_run: PayRun) -> bool:
    """False once payroll voided the run, took it back, or no longer shows it."""
    return pay_run.finished and not pay_run.void and pay_run.source_change != PayRun.SourceChange.GONE


def _live(pay_run: PayRun) -> QuerySet[Posting]:
    return Posting.objects.filter(pay_run=pay_run).exclude(state__in=Posting.ENDED).order_by("pk")


def _made_now(pay_run: PayRun, target: LedgerTarget) -> tuple[Sequence[DraftJournal], Because, Sequence[Finding]]:
    if not is_paid(pay_run):
        return (), {}, ()
    lines = list(load_lines(pay_run))
    built, because = made(pay_run, target, lines)
    return built.journals, because, built.findings or control_totals(built.journals, totals(lines))


def _steps(standing: Sequence[Standing], wanted: Sequence[DraftJournal]) -> Iterator[Step]:
    """What is to be reversed for what: journals that stay as they are have no step."""
    journals = {journal.key: journal for journal in wanted}
    changed = {group for group, (before, after) in grouped(standing, wanted).items() if before != after}
    for one in standing:
        journal = journals.pop(place_of(one.posting.key), None)
        if one.posting.kind == Posting.Kind.ADJUSTMENT:
            if one.group in changed:
                yield Step(posting=one.posting)
        elif journal is None:
            yield Step(posting=one.posting)
        elif (moved := _moved(one.posting, journal)) or (
            one.group in changed and by_account([one.nets]) != by_account([nets_of(journal)])
        ):
            yield Step(posting=one.posting, journal=journal, moved=moved)
    for journal in journals.values():
        yield Step(journal=journal)


def grouped(
    standing: Sequence[Standing], wanted: Sequence[DraftJournal]
) -> dict[Group, tuple[dict[str, Decimal], dict[str, Decimal]]]:
    """The net debits by account of each group, on the ledger and made now."""
    groups = {*(one.group for one in standing), *(group_of(journal) for journal in wanted)}
    return {
        group: (
            by_account(one.nets for one in standing if one.group == group),
            by_account(nets_of(journal) for journal in wanted if group_of(journal) == group),
        )
        for group in sorted(groups)
    }


def _moved(posting: Posting, journal: DraftJournal) -> bool:
    """Another day is a reason of its own; the day of what was posted anew was chosen."""
    return AGAIN not in posting.key and posting.posting_date != journal.posting_date


def _dated(pay_run: PayRun, steps: Iterable[Step], posting_date: date | None) -> Iterator[Step]:
    """The steps on days whose period is open. Raises Refusal where there is none."""
    for step in steps:
        if step.posting is not None:
            day = open_day(pay_run, step.posting.company, step.posting.posting_date, posting_date)
            step = replace(step, reversed_on=day)
        if step.journal is not None:
            day = open_day(pay_run, step.journal.company, step.journal.posting_date, posting_date)
            step = replace(step, journal=replace(step.journal, posting_date=day))
        yield step


def _kind(steps: Sequence[Step]) -> EffectKind:
    takes_back = any(step.posting for step in steps)
    makes = any(step.journal for step in steps)
    if takes_back and makes:
        return EffectKind.REVERSE_AND_REPOST
    if takes_back:
        return EffectKind.REVERSE
    return EffectKind.NEW if makes else EffectKind.NOTHING


def _account_effects(standing: Sequence[Standing], wanted: Sequence[DraftJournal]) -> Iterator[AccountEffect]:
    places = {(one.posting.company, one.posting.currency) for one in standing}
    moved = moved_by_account([one.posting for one in standing], wanted)
    for company, currency in sorted(places | {(journal.company, journal.currency) for journal in wanted}):
        old = [one for one in standing if (one.posting.company, one.posting.currency) == (company, currency)]
        new = [journal for journal in wanted if (journal.company, journal.currency) == (company, currency)]
        before, after = by_account(one.nets for one in old), by_account(map(nets_of, new))
        heads_before, heads = heads_by_account(one.people for one in old), heads_by_account(map(people_of, new))
        for account in sorted(before.keys() | after.keys()):
            yield AccountEffect(
                company=company,
                currency=currency,
                account=account,
                before=before.get(account, ZERO),
                after=after.get(account, ZERO),
                people_before=heads_before.get(account, 0),
                people=heads.get(account, 0),
                moved=moved.get((company, currency, account), 0),
            )


def heads_by_account(counts: Iterable[Mapping[Net, int]]) -> dict[str, int]:
    """How many people an account concerns at least: several journals may be about the same."""
    most: dict[Net, int] = defaultdict(int)
    for one in counts:
        for place, count in one.items():
            most[place] = max(most[place], count)
    heads: dict[str, int] = defaultdict(int)
    for (account, _, _), count in most.items():
        heads[account] += count
    return heads


def people_of(journal: DraftJournal) -> dict[Net, int]:
    """How many people each place of a draft concerns."""
    people: dict[Net, int] = defaultdict(int)
    for line in journal.lines:
        people[line.account, line.department, line.cost_center] += line.people
    return people


def _sentence(
    pay_run: PayRun, kind: EffectKind, steps: Sequence[Step], standing: Sequence[Standing], are_drafts: bool
) -> str:
    if kind is EffectKind.NOTHING:
        return _nothing(standing, are_drafts)
    numbers = numbered([step.posting for step in steps if step.posting])
    made = sum(step.journal is not None for step in steps)
    drafts = "1 journal" if made == 1 else f"{made} journals"
    if kind is EffectKind.NEW:
        return f"{drafts} of this pay run would be drafted, to be approved and posted."
    if kind is EffectKind.REVERSE and not is_paid(pay_run):
        return f"{pay_run.integration.source.name} no longer pays this run: {numbers} would be reversed."
    if kind is EffectKind.REVERSE:
        return f"The pay run no longer makes this: {numbers} would be reversed."
    return f"The pay run makes something else now: {numbers} would be reversed, and {drafts} posted anew."


def _nothing(standing: Sequence[Standing], are_drafts: bool) -> str:
    if len(standing) == 1:
        return already_posted(standing[0].posting)
    if standing:
        return f"Already posted as {numbered([one.posting for one in standing])} – nothing to do."
    if are_drafts:
        return "Nothing is on the ledger yet. Its journals are on their way: approve or reject them – nothing to do."
    return "Nothing of this pay run is on the ledger, and it makes no journal – nothing to do."


def numbered(postings: Sequence[Posting]) -> str:
    """ "journal 1042", "journals 1042 and 1043" """
    numbers = [posting.journal_number or posting.vendor_id for posting in postings]
    if len(numbers) < 2:
        return f"journal {numbers[0]}" if numbers else ""
    return f"journals {', '.join(numbers[:-1])} and {numbers[-1]}"
