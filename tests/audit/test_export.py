"""An export can be verified by anyone who has Python, and nothing of it can be changed unseen."""

from __future__ import annotations

import ast
import inspect
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from audit import verify_export
from audit.export import EmptyRange, Manifest, export_lines, write_export
from audit.verify_export import Broken
from tenants.models import Tenant
from tenants.scope import NoTenantScope, tenant_scope
from tests.audit.trail import AT, behind_the_triggers_back, company_with_trail, entries_of, worker_entry, write
from tests.cast import make_tenant


def export(tenant: Tenant, directory: Path, *, from_seq: int = 1, to_seq: int | None = None) -> Manifest:
    with tenant_scope(tenant.id):
        return write_export(tenant, directory, from_seq=from_seq, to_seq=to_seq, at=AT)


def run_verifier(directory: Path) -> subprocess.CompletedProcess[str]:
    """As an auditor runs it: the copy in the export, by a Python that knows nothing of this project."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "verify_export.py"], cwd=directory, capture_output=True, text=True, check=False
    )


def test_an_export_is_verified_by_a_bare_python(tmp_path: Path) -> None:
    acme = company_with_trail(6)
    write(acme, worker_entry(why='"Zoë"\n👷\\', subject_label="→ \u2028"))

    manifest = export(acme, tmp_path)
    found = run_verifier(tmp_path)

    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("OK. 7 entries of Acme (1 to 7)")
    assert manifest.last_hash == bytes(entries_of(acme)[-1].hash).hex()
    assert manifest.last_hash in found.stdout
    described = json.loads((tmp_path / "manifest.json").read_text())
    assert (described["count"], described["exported_at"]) == (7, "2026-03-01T08:15:00Z")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit.jsonl", "manifest.json", "verify_export.py"]


def test_one_changed_byte_is_found_and_the_entry_is_named(tmp_path: Path) -> None:
    export(company_with_trail(6), tmp_path)
    content = (tmp_path / "audit.jsonl").read_bytes()
    place = content.index(b"Assembly", content.index(b'{"seq":4,'))

    (tmp_path / "audit.jsonl").write_bytes(content[:place] + b"X" + content[place + 1 :])
    found = run_verifier(tmp_path)

    assert found.returncode == 1
    assert found.stderr == "BROKEN. Entry 4 is broken: its content is not what was recorded.\n"


def test_no_byte_can_be_changed_unseen(tmp_path: Path) -> None:
    export(company_with_trail(2), tmp_path)
    path = tmp_path / "audit.jsonl"
    content = path.read_bytes()
    verify_export.verify(tmp_path)

    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(Broken):
            verify_export.verify(tmp_path)


@pytest.mark.parametrize(
    ("keep", "reason"),
    [
        ([0, 1, 2], "Entry 4 is missing: the export ends before it."),
        ([0, 2, 3], "Entry 2 is missing: entry 3 stands in its place."),
        ([0, 1, 1, 2, 3], "Entry 3 is missing: entry 2 stands in its place."),
        ([1, 2, 3], "Entry 1 is missing: entry 2 stands in its place."),
        ([], "Entry 1 is missing: the export ends before it."),
    ],
)
def test_a_line_that_is_missing_or_too_many_is_named(tmp_path: Path, keep: list[int], reason: str) -> None:
    export(company_with_trail(4), tmp_path)
    lines = (tmp_path / "audit.jsonl").read_bytes().splitlines(keepends=True)

    (tmp_path / "audit.jsonl").write_bytes(b"".join(lines[n] for n in keep))

    with pytest.raises(Broken) as found:
        verify_export.verify(tmp_path)
    assert str(found.value) == reason


def test_the_lines_of_another_company_do_not_pass(tmp_path: Path) -> None:
    export(company_with_trail(4), tmp_path / "acme")
    export(company_with_trail(4), tmp_path / "other")

    (tmp_path / "other" / "audit.jsonl").replace(tmp_path / "acme" / "audit.jsonl")

    with pytest.raises(Broken, match="Entry 1 is broken: it belongs to another company"):
        verify_export.verify(tmp_path / "acme")


def test_a_broken_manifest_or_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    export(company_with_trail(2), tmp_path)
    (tmp_path / "audit.jsonl").unlink()
    assert run_verifier(tmp_path).stderr.startswith("BROKEN. The entries cannot be read")

    (tmp_path / "manifest.json").write_text('{"tenant": 1}')
    found = run_verifier(tmp_path)

    assert found.returncode == 1
    assert found.stderr.startswith("BROKEN. The manifest cannot be read")
    assert "Traceback" not in found.stderr


def test_a_trail_that_was_tampered_with_is_exported_as_it_is_and_does_not_verify(tmp_path: Path) -> None:
    acme = company_with_trail(6)
    with behind_the_triggers_back(acme) as cursor:
        cursor.execute("UPDATE audit_auditentry SET body = replace(body, 'Assembly', 'Paint') WHERE seq = 3")

    export(acme, tmp_path)

    with pytest.raises(Broken, match="Entry 3 is broken"):
        verify_export.verify(tmp_path)


def test_a_part_of_the_trail_can_be_exported(tmp_path: Path) -> None:
    acme = company_with_trail(10)

    manifest = export(acme, tmp_path, from_seq=4, to_seq=7)

    assert (manifest.from_seq, manifest.to_seq, manifest.count) == (4, 7, 4)
    assert manifest.first_previous_hash == bytes(entries_of(acme)[2].hash).hex()
    assert verify_export.verify(tmp_path).startswith("4 entries of Acme (4 to 7)")


@pytest.mark.parametrize(("from_seq", "to_seq"), [(0, 3), (4, 3), (2, 11), (11, None)])
def test_a_range_that_does_not_exist_is_refused(tmp_path: Path, from_seq: int, to_seq: int | None) -> None:
    with pytest.raises(EmptyRange, match="the trail has entries 1 to 10"):
        export(company_with_trail(10), tmp_path, from_seq=from_seq, to_seq=to_seq)

    assert list(tmp_path.iterdir()) == []


def test_an_empty_trail_makes_an_empty_export(tmp_path: Path) -> None:
    export(make_tenant("Acme"), tmp_path)

    assert verify_export.verify(tmp_path).startswith("0 entries of Acme")


def test_an_export_is_not_overwritten(tmp_path: Path) -> None:
    acme = company_with_trail(2)
    export(acme, tmp_path)

    with pytest.raises(FileExistsError):
        export(acme, tmp_path)

    verify_export.verify(tmp_path)


def test_the_trail_of_another_company_cannot_be_exported() -> None:
    acme, other = company_with_trail(2), make_tenant("Other")

    with tenant_scope(other.id), pytest.raises(NoTenantScope):
        export_lines(acme.id)
    with pytest.raises(NoTenantScope):
        export_lines(acme.id)


def test_lines_can_be_streamed_after_the_scope_has_ended_and_leave_none_behind() -> None:
    acme = company_with_trail(4_100)

    with tenant_scope(acme.id):
        lines = export_lines(acme.id)
    seqs = []
    for line in lines:
        with pytest.raises(NoTenantScope):
            entries_of_nobody()
        seqs.append(json.loads(line)["seq"])

    assert seqs == list(range(1, 4_101))


def entries_of_nobody() -> None:
    from audit.models import AuditEntry

    AuditEntry.objects.first()


def test_the_verifier_runs_on_old_pythons_with_the_standard_library_alone() -> None:
    tree = ast.parse(inspect.getsource(verify_export), feature_version=(3, 8))

    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules <= {"__future__", "hashlib", "json", "sys", "pathlib", "typing"}


def test_the_command_exports_and_records_that_it_did(tmp_path: Path) -> None:
    acme = company_with_trail(4)
    said = io.StringIO()

    call_command("export_audit", tenant=acme.slug, out=tmp_path, stdout=said)

    assert "4 entries in" in said.getvalue()
    assert run_verifier(tmp_path).returncode == 0
    last = entries_of(acme)[-1]
    assert (last.seq, last.action) == (5, "audit.exported")
    assert last.sentence == "Operator (command line) exported audit entries 1 to 4."
    with pytest.raises(CommandError, match="holds an export already"):
        call_command("export_audit", tenant=acme.slug, out=tmp_path)
    with pytest.raises(CommandError, match="no company with the slug"):
        call_command("export_audit", tenant="nobody", out=tmp_path)
    with pytest.raises(CommandError, match="the trail has entries 1 to 5"):
        call_command("export_audit", tenant=acme.slug, out=tmp_path, from_seq=3, to_seq=9)
