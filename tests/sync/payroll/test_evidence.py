"""An auditor takes a pay run away in one file, and checks it with nothing but Python."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from audit.models import AuditEntry
from sync.models import PayrollSettings, PayRun, Posting
from sync.payroll.correcting import reverse
from sync.payroll.evidence import pack
from sync.payroll.sight import LASTS, reveal
from tenants.scope import tenant_scope
from tests.cast import make_tenant
from tests.sync.payroll.payday import Payday, ready

FILES = {
    *("index.html", "register.jsonl", "journals.jsonl", "ledger.jsonl", "approvals.jsonl", "findings.jsonl"),
    *("reconciliations.jsonl", "audit.jsonl", "manifest.json", "verify_export.py"),
}


def posted(sandbox: dict[str, str], size: int = 8) -> tuple[Payday, PayRun]:
    payday, pay_run = ready(sandbox, rippling={"size": size})
    payday.approve(pay_run)
    assert payday.advance(pay_run).state == PayRun.State.RECONCILED
    return payday, payday.pay_run()


def unpacked(payday: Payday, pay_run: PayRun, directory: Path, by: str = "ann") -> dict[str, list[dict[str, Any]]]:
    """The pack, taken by this person; its tables by name."""
    with payday.acting(by), pack(pay_run, now=payday.story.world.now()) as file, zipfile.ZipFile(file) as archive:
        archive.extractall(directory)
    return {
        path.stem: [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in directory.glob("*.jsonl")
    }


def verified(directory: Path) -> subprocess.CompletedProcess[str]:
    """As an auditor does it: the copy in the pack, by a Python that knows nothing of this project."""
    command = [sys.executable, "-I", "-S", "verify_export.py"]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)


def reveal_to_ann(payday: Payday, pay_run: PayRun) -> None:
    with payday.acting("ann"):
        reveal(pay_run, "Year-end audit", now=payday.story.world.now())


def test_the_pack_tells_the_whole_story_and_can_be_verified(sandbox: dict[str, str], tmp_path: Path) -> None:
    payday, pay_run = posted(sandbox)
    with payday.acting("pat"):
        reverse(payday.postings()[0], "Wrong plant", now=payday.story.world.now())
    payday.approve(pay_run)
    payday.advance(pay_run)
    reveal_to_ann(payday, pay_run)

    tables = unpacked(payday, pay_run, tmp_path)
    found = verified(tmp_path)

    original, mirror = payday.postings()
    assert {path.name for path in tmp_path.iterdir()} == FILES
    assert found.returncode == 0, found.stderr
    assert found.stdout.rstrip().endswith("9 files are as the manifest describes them.")
    assert [(row["reference"], row["reverses"]) for row in tables["journals"]] == [
        (original.reference, None),
        (mirror.reference, original.reference),
    ]
    assert {(row["journal"], row["by"], row["content_hash"]) for row in tables["approvals"]} == {
        (posting.reference, "ann", posting.approved_hash) for posting in (original, mirror)
    }
    assert [row["tied_out"] for row in tables["reconciliations"]] == [True, True]
    assert {row["journal"] for row in tables["ledger"]} == {original.journal_number, mirror.journal_number}
    verbs = [json.loads(row["body"])["action"] for row in tables["audit"]]
    assert verbs[-1] == "pay_run.evidence"
    assert {"pay_run.read", "journal.approved", "journal.posted", "journal.reversed"} <= set(verbs)
    text = (tmp_path / "index.html").read_text()
    assert "ties out to the cent" in text
    assert f"takes back {original.reference}" in text
    assert "because: Wrong plant" in text
    assert "8 people · Reversed" in text
    assert original.approved_hash in text


def test_with_a_reveal_the_sums_can_be_followed_to_the_cent(sandbox: dict[str, str], tmp_path: Path) -> None:
    payday, pay_run = posted(sandbox)
    reveal_to_ann(payday, pay_run)

    tables = unpacked(payday, pay_run, tmp_path)

    sums = {
        kind: sum((Decimal(row["amount"]) for row in tables["register"] if row["kind"] == kind), Decimal(0))
        for kind in ("earning", "net_pay")
    }
    (journal,) = tables["journals"]
    assert sums["net_pay"] == Decimal(payday.register()["net_pay"])
    assert sums["earning"] == Decimal(payday.register()["totals"]["earning"])
    assert sum(Decimal(line["debit"]) for line in journal["lines"]) == Decimal(journal["debit"])
    assert sum(Decimal(row["debit"]) for row in tables["ledger"]) == Decimal(journal["debit"])
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["amounts_of_single_people"] is True
    assert "keep this file as you keep pay slips" in (tmp_path / "index.html").read_text()


def test_with_a_reveal_the_approved_hash_can_be_computed_anew(sandbox: dict[str, str], tmp_path: Path) -> None:
    payday, pay_run = posted(sandbox)
    reveal_to_ann(payday, pay_run)

    (journal,) = unpacked(payday, pay_run, tmp_path)["journals"]

    head = [journal[name] for name in ("salt", "company", "currency", "posting_date", "description")]
    lines = [
        [line["account"], shortest(line["debit"]), shortest(line["credit"]), line["description"]]
        for line in journal["lines"]
    ]
    content = json.dumps([1, *head, lines], separators=(",", ":"), ensure_ascii=False)
    (posting,) = payday.postings()
    assert hashlib.sha256(content.encode()).hexdigest() == posting.approved_hash
    assert "without blanks" in (tmp_path / "index.html").read_text()


def shortest(amount: str) -> str:
    """Without zeros at the end of its decimals."""
    return amount.rstrip("0").rstrip(".")


def test_without_a_reveal_nobodys_pay_is_in_it(sandbox: dict[str, str], tmp_path: Path) -> None:
    payday, pay_run = posted(sandbox)
    reveal_to_ann(payday, pay_run)
    payday.story.world.sleep(LASTS.total_seconds() + 1)

    tables = unpacked(payday, pay_run, tmp_path)

    everything = "".join(path.read_text() for path in tmp_path.iterdir() if path.name != "audit.jsonl")
    with payday.scope():
        single = {
            f"{line.debit + line.credit:.2f}"
            for line in payday.postings()[0].lines.filter(people=1)
            if line.debit + line.credit
        }
        salt = payday.postings()[0].salt
    assert single
    assert not {amount for amount in single if amount in everything}
    assert str(salt) not in everything
    assert salt.hex not in everything
    assert all(row["amount"] is None and row["masked"] for row in tables["register"] if row["people"] < 2)
    assert verified(tmp_path).returncode == 0
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["amounts_of_single_people"] is False


def test_in_a_larger_company_the_totals_stay_to_be_checked(sandbox: dict[str, str], tmp_path: Path) -> None:
    payday, pay_run = posted(sandbox, size=60)

    tables = unpacked(payday, pay_run, tmp_path)

    (journal,) = tables["journals"]
    (posting,) = payday.postings()
    shown = [row for row in tables["register"] if not row["masked"]]
    assert Decimal(journal["debit"]) == posting.debit
    assert shown
    assert all(row["people"] > 1 for row in shown)
    with payday.scope():
        fewest = PayrollSettings.objects.get().fewest_people
    assert all(line["masked"] for line in journal["lines"] if 0 < line["people"] < fewest)
    assert [figure for figure in tables["reconciliations"][0]["figures"] if not figure["masked"]]


def test_whatever_is_changed_in_it_is_found(sandbox: dict[str, str], tmp_path: Path) -> None:
    payday, pay_run = posted(sandbox)
    unpacked(payday, pay_run, tmp_path)

    for name in sorted(FILES - {"manifest.json"}):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content + b"\n")
        changed = verified(tmp_path)
        (tmp_path / name).write_bytes(content)
        assert changed.returncode == 1, name
        assert changed.stderr.startswith("BROKEN. "), name
    assert verified(tmp_path).returncode == 0
    (tmp_path / "register.jsonl").unlink()
    assert "register.jsonl cannot be read" in verified(tmp_path).stderr


def test_taking_it_away_is_told_and_another_company_cannot(sandbox: dict[str, str], tmp_path: Path) -> None:
    payday, pay_run = posted(sandbox)
    unpacked(payday, pay_run, tmp_path)

    with payday.scope():
        entry = AuditEntry.objects.get(action="pay_run.evidence")
        assert entry.actor_label == "ann"
        assert json.loads(entry.body)["detail"]["revealed"] is False
        assert Posting.objects.count() == 1
    other = make_tenant("Other Corp")
    with tenant_scope(other.id), pytest.raises(PayRun.DoesNotExist):
        pack(pay_run, now=payday.story.world.now())
    with tenant_scope(other.id):
        assert not AuditEntry.objects.exists()
