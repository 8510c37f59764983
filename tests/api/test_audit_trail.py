"""The trail by the API: who did what with which key, verified, and taken away whole."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.api.caller import Caller
from tests.api.company import found
from tests.cast import Cast


def test_an_act_by_a_key_is_found_by_the_correlation_id_of_its_answer(cast: Cast, ada: Caller) -> None:
    answer = ada.post("connections/", {"vendor": "rippling", "name": "HR"})
    [entry] = ada.all(f"audit-entries/?correlation_id={answer.headers['X-Correlation-Id']}")
    assert (entry["action"], entry["actor_kind"], entry["actor_label"]) == ("connection.created", "api_key", "test")
    assert entry["sentence"] == "test added the connection HR."
    assert {"field": "name", "before": None, "after": "HR"} in entry["changes"]
    assert ada.get(f"audit-entries/{entry['seq']}/").ok() == entry


def test_what_was_changed_of_a_flow_can_be_read_in_the_trail(cast: Cast, ada: Caller) -> None:
    flow = found(cast.acme).people
    values = {"every_minutes": 30, "full_every_hours": 48, "max_change_percent": 35, "writes_enabled": True}
    before = ada.get(f"flows/{flow.pk}/").ok()
    ada.patch(f"flows/{flow.pk}/", values).ok()
    [entry] = ada.all("audit-entries/?action=flow.changed")
    assert {change["field"]: (change["before"], change["after"]) for change in entry["changes"]} == {
        name: (before[name], value) for name, value in values.items() if before[name] != value
    }
    assert len(entry["changes"]) >= 3


def test_the_exported_trail_can_be_verified_with_nothing_of_ours(cast: Cast, ada: Caller, vera: Caller) -> None:
    found(cast.acme).add(30)
    verified = vera.post("audit-entries/verify/").ok()
    assert (verified["ok"], verified["first_broken_seq"], verified["head_matches"]) == (True, None, True)
    answer = ada.get("audit-entries/export/")
    assert answer.type == "application/jsonl"
    lines = [json.loads(line) for line in answer.content.splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    previous = bytes(32)
    for line in lines:
        assert line["previous_hash"] == previous.hex()
        previous = hashlib.sha256(previous + line["body"].encode()).digest()
        assert line["hash"] == previous.hex()
    assert lines[verified["entries"] - 1]["hash"] == verified["last_hash"]
    part = ada.get("audit-entries/export/?from_seq=3&to_seq=5").content.splitlines()
    assert [json.loads(line) for line in part] == lines[2:5]
    # Looking at the whole trail leaves a trace in it.
    assert [entry["action"] for entry in ada.all("audit-entries/?page_size=3")[:3]] == [
        "audit.exported",
        "audit.exported",
        "audit.verified",
    ]


def test_an_auditor_verifies_what_the_api_hands_out_with_python_alone(cast: Cast, vera: Caller, tmp_path: Path) -> None:
    found(cast.acme).add(30)
    verified = vera.post("audit-entries/verify/").ok()
    answer = vera.get(f"audit-entries/evidence/?to_seq={verified['entries']}")
    assert (answer.status, answer.type) == (200, "application/zip")
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-I", "-S", tmp_path / "verify_export.py"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{verified['entries']} entries of Acme" in done.stdout
    assert verified["last_hash"] in done.stdout
    lines = vera.get(f"audit-entries/export/?to_seq={verified['entries']}").content
    assert (tmp_path / "audit.jsonl").read_bytes() == lines
    assert set(vera.get("audit-entries/evidence/?from_seq=5&to_seq=3").errors()) == {"from_seq"}
    [exported] = [entry for entry in vera.all("audit-entries/?action=audit.exported") if entry["detail"]["to_seq"]][1:]
    assert exported["detail"]["last_hash"] == verified["last_hash"]
