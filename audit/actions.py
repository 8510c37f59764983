"""Every verb of the audit trail, with its label and its sentence. This list can be read to an auditor.

In a sentence ``{subject}``, ``{source}``, ``{target}`` and ``{actor}`` stand for what the entry names.
"""

from __future__ import annotations

import msgspec


class Action(msgspec.Struct, frozen=True):
    """One verb: ``label`` for lists and filters, ``sentence`` for a person who reads the trail."""

    verb: str
    label: str
    sentence: str


_ACTIONS = (
    # Workers: what happened to one person's record at the target.
    Action("worker.created", "Worker created", "{subject} was created in {target}."),
    Action("worker.updated", "Worker updated", "{subject} was updated in {target}."),
    Action("worker.terminated", "Worker terminated", "{subject} was terminated in {target}."),
    Action("worker.rehired", "Worker rehired", "{subject} was rehired in {target}."),
    Action("worker.transferred", "Worker transferred", "{subject} was transferred in {target}."),
    Action("worker.linked", "Worker matched", "{subject} was found in {target} and matched with {source}."),
    Action("worker.unchanged", "Worker unchanged", "{subject} already agreed in {source} and {target}."),
    Action("worker.blocked", "Worker blocked", "{subject} was held back; nothing was sent to {target}."),
    Action("worker.rejected", "Worker rejected", "{target} did not accept {subject}."),
    Action("worker.verifying", "Worker being checked", "No answer from {target}; {subject} is being looked up there."),
    Action("worker.verified", "Worker checked", "{subject} was looked up in {target} after an answer was missing."),
    Action("worker.failed", "Worker failed", "{subject} could not be processed."),
    Action("worker.queued", "Worker queued", "A change of {subject} waits for its effective date."),
    # Runs and what a person does again.
    Action("run.started", "Run started", "{subject} was started by {actor}."),
    Action("run.finished", "Run finished", "{subject} finished."),
    Action("run.failed", "Run failed", "{subject} stopped before its end."),
    Action("run.skipped", "Run skipped", "{subject} was skipped: another run of this flow was in progress."),
    Action("run.missed", "Run missed", "{subject} did not start when it was due."),
    Action("run.held", "Run held", "{subject} was held for a person to look at."),
    Action("run.released", "Run released", "{actor} released {subject}."),
    Action("run.cancelled", "Run cancelled", "{actor} cancelled {subject}."),
    Action("run.replayed", "Run replayed", "{actor} had {subject} done again."),
    Action("run.previewed", "Run previewed", "{actor} looked at what {subject} would do; nothing was sent."),
    Action("run.taken_over", "Run taken over", "{subject} had stopped responding and was brought to an end."),
    Action("item.replayed", "Record replayed", "{actor} had {subject} done again."),
    Action("delivery.replayed", "Announcement followed again", "{actor} had {subject} followed again."),
    Action("problem.replayed", "Problem replayed", "{actor} had every record held back by {subject} done again."),
    # Set-up: what decides where things go.
    Action("mapping.created", "Mapping created", "{actor} mapped {subject}."),
    Action("mapping.changed", "Mapping changed", "{actor} changed the mapping of {subject}."),
    Action("mapping.suggested", "Mapping suggested", "A mapping of {subject} was suggested."),
    Action("mapping.confirmed", "Mapping confirmed", "{actor} confirmed the mapping of {subject}."),
    Action("mapping.removed", "Mapping removed", "{actor} removed the mapping of {subject}."),
    Action("mapping.imported", "Mappings imported", "{actor} imported mappings of {subject}."),
    Action("mapping.exported", "Mappings exported", "{actor} exported mappings of {subject}."),
    Action("account_rule.created", "Account rule created", "{actor} decided which accounts {subject} goes to."),
    Action("account_rule.changed", "Account rule changed", "{actor} changed which accounts {subject} goes to."),
    Action("account_rule.removed", "Account rule removed", "{actor} removed the accounts of {subject}."),
    Action("account_rule.imported", "Account rules imported", "{actor} imported account rules of {subject}."),
    Action("account_rule.exported", "Account rules exported", "{actor} exported account rules of {subject}."),
    Action("connection.created", "Connection created", "{actor} added the connection {subject}."),
    Action("connection.changed", "Connection changed", "{actor} changed the connection {subject}."),
    Action("connection.removed", "Connection removed", "{actor} removed the connection {subject}."),
    Action("connection.checked", "Connection tested", "{actor} tested the connection {subject}."),
    Action(
        "connection.credentials_replaced",
        "Credentials replaced",
        "{actor} replaced the credentials of the connection {subject}.",
    ),
    Action("connection.paused", "Connection paused", "The connection {subject} was paused by {actor}."),
    Action("connection.installed", "App installed", "{actor} installed the app for the connection {subject}."),
    Action("connection.reconnected", "App installed again", "{actor} installed the app for {subject} once more."),
    Action("connection.uninstalled", "App removed", "The app of the connection {subject} was removed at the vendor."),
    Action("connection.resumed", "Connection resumed", "{actor} resumed the connection {subject}."),
    Action("integration.created", "Integration created", "{actor} set up the integration {subject}."),
    Action("integration.changed", "Integration changed", "{actor} changed the integration {subject}."),
    Action("integration.removed", "Integration removed", "{actor} removed the integration {subject}."),
    Action("flow.changed", "Flow changed", "{actor} changed the settings of {subject}."),
    Action("flow.paused", "Flow paused", "{subject} was paused by {actor}."),
    Action("flow.resumed", "Flow resumed", "{actor} resumed {subject}."),
    Action("flow.writes_enabled", "Writing switched on", "{actor} allowed {subject} to write to {target}."),
    Action("flow.writes_disabled", "Writing switched off", "{actor} stopped {subject} from writing to {target}."),
    Action("reference.compared", "Reference data compared", "{subject} was compared between {source} and {target}."),
    Action("alert_hook.created", "Alert address added", "{actor} had notices sent to {subject}."),
    Action("alert_hook.changed", "Alert address changed", "{actor} changed the alert address {subject}."),
    Action("alert_hook.secret_replaced", "Alert secret replaced", "{actor} replaced the secret of {subject}."),
    Action("alert_hook.tested", "Alert address tested", "{actor} sent a sample to {subject}."),
    Action("alert_hook.removed", "Alert address removed", "{actor} removed the alert address {subject}."),
    Action("notice_choice.changed", "Notices chosen", "{actor} changed how {subject} hears of things."),
    Action("expectation.created", "Pay dates expected", "{actor} decided by when pay runs of {subject} are expected."),
    Action("expectation.changed", "Expectation changed", "{actor} changed by when pay runs of {subject} are expected."),
    Action("expectation.removed", "Expectation removed", "{actor} no longer expects pay runs of {subject}."),
    # Payroll: pay runs of the source, and their journals on the way to the ledger.
    Action("pay_run.compared", "Pay runs read", "The pay runs of {subject} were read from {source}."),
    Action("pay_run.read", "Pay run read", "{subject} was read from {source}."),
    Action("pay_run.changed", "Pay run changed", "{subject} was read again from {source}; it had changed."),
    Action(
        "pay_run.changed_after_posting",
        "Pay run changed after posting",
        "{source} changed {subject} after its journals had left for {target}.",
    ),
    Action(
        "pay_run.corrected",
        "Pay run corrected",
        "{target} again shows what {subject} makes, after {source} had changed it.",
    ),
    Action("pay_run.gone", "Pay run gone", "{source} no longer shows {subject}."),
    Action("pay_run.problem_accepted", "Problem accepted", "{actor} said that a finding about {subject} is right."),
    Action("pay_run.reconciled", "Pay run tied out", "{subject} ties out: register, journals and {target} agree."),
    Action("pay_run.differs", "Pay run differs", "{subject} does not tie out with {target}."),
    Action("pay_run.revealed", "Amounts revealed", "{actor} looked at amounts of single people in {subject}."),
    Action("pay_run.evidence", "Evidence pack made", "{actor} took the evidence pack of {subject} away."),
    Action("pay_run.replayed", "Pay run checked again", "{actor} had {subject} read and drafted again."),
    Action("journal.drafted", "Journal drafted", "{subject} was drafted."),
    Action("journal.superseded", "Journal replaced", "{subject} was replaced before it was posted."),
    Action("journal.approved", "Journal approved", "{actor} approved {subject}."),
    Action("journal.rejected", "Journal rejected", "{actor} rejected {subject}."),
    Action("journal.approval_voided", "Approval voided", "The approval of {subject} was voided."),
    Action("journal.requested", "Posting asked for", "{actor} asked for {subject} to be posted."),
    Action("journal.posted", "Journal posted", "{subject} was posted to {target}."),
    Action("journal.not_sent", "Journal not sent", "{subject} could not be sent to {target}."),
    Action(
        "journal.verifying", "Journal being checked", "No answer from {target}; {subject} is being looked up there."
    ),
    Action("journal.verified", "Journal found", "{subject} was found in {target} after an answer was missing."),
    Action("journal.absent", "Journal not there", "{target} twice did not have {subject}; it may be posted again."),
    Action("journal.part", "Journal there in part", "{target} twice had a part of {subject}; the rest may be posted."),
    Action("journal.deleted_there", "Journal deleted there", "{subject} was deleted in {target}."),
    Action("journal.booked", "Journal booked", "{subject} was booked in {target}; it can no longer change there."),
    Action("journal.needs_person", "Journal needs a person", "{subject} and {target} disagree; a person must decide."),
    Action("journal.decided", "Journal decided by a person", "{actor} decided what became of {subject}."),
    Action("journal.reversed", "Journal reversed", "{subject} was reversed by another journal."),
    Action(
        "payroll_settings.changed", "Payroll settings changed", "{actor} changed the payroll settings of {subject}."
    ),
    # When flows run by themselves.
    Action("calendar.created", "Pay calendar created", "{actor} made the pay calendar {subject}."),
    Action("calendar.changed", "Pay calendar changed", "{actor} changed the pay calendar {subject}."),
    Action("calendar.imported", "Pay calendar days imported", "{actor} imported days of the pay calendar {subject}."),
    Action("calendar.removed", "Pay calendar removed", "{actor} removed the pay calendar {subject}."),
    Action("timing.created", "Timing added", "{actor} had {subject} start by itself."),
    Action("timing.changed", "Timing changed", "{actor} changed when {subject} starts by itself."),
    Action("timing.removed", "Timing removed", "{actor} had {subject} no longer start by itself."),
    # Access: who may see and do what.
    Action("tenant.created", "Company created", "The company {subject} was created by {actor}."),
    Action("tenant.changed", "Company changed", "{actor} changed the company {subject}."),
    Action("member.added", "Member added", "{actor} gave {subject} access."),
    Action("member.changed", "Member changed", "{actor} changed the access of {subject}."),
    Action("member.removed", "Member removed", "{actor} removed the access of {subject}."),
    Action("api_key.created", "API key created", "{actor} made the API key {subject}."),
    Action("api_key.revoked", "API key revoked", "{actor} revoked the API key {subject}."),
    Action("keys.rotated", "Encryption keys rotated", "Stored credentials were encrypted anew by {actor}."),
    Action("user.signed_in", "Signed in", "{subject} signed in."),
    Action("audit.exported", "Audit trail exported", "{actor} exported {subject}."),
    Action("audit.verified", "Audit trail verified", "{actor} verified {subject}."),
)

ACTIONS = {action.verb: action for action in _ACTIONS}


def action(verb: str) -> Action:
    """The action of this verb; ValueError when there is none, so that a misspelt verb is found by a test."""
    try:
        return ACTIONS[verb]
    except KeyError:
        raise ValueError(f"Unknown audit action {verb!r}; add it to audit/actions.py or correct it.") from None


def choices() -> list[tuple[str, str]]:
    """(verb, label) of every action, for filters."""
    return [(action.verb, action.label) for action in _ACTIONS]


def sentence(verb: str, *, subject: str, source: str, target: str, actor: str) -> str:
    """What happened, for a person. A system the entry does not name is called by its part in the integration.

    A verb that is no longer in the list is shown as it was recorded: entries are kept for years.
    """
    if verb not in ACTIONS:
        return f"{verb}: {subject}"
    return ACTIONS[verb].sentence.format(
        subject=subject, source=source or "the source", target=target or "the target", actor=actor
    )
