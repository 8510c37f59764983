"""House rules a linter cannot know. Each failure names the file and says what to do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest
from django.apps import apps
from django.db import models

ROOT = Path(__file__).resolve().parent.parent
APPS = ("config", "sync", "connectors", "audit", "tenants")
CODE = (*APPS, "sandbox", "demo", "benchmarks")

FILE_LINES = 400
FUNCTION_LINES = 40
VENDOR_LINES = 900

LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {
    "sandbox/rippling/organization.py:build": "one literal after the other",
    "sandbox/rippling/people.py:next": "one literal",
    "sandbox/rippling/v1.py:employee": "one literal",
    "sync/settling.py:_save_items": "one bulk write, column by column",
    "sync/settling.py:_save_links": "two bulk writes, column by column",
}
LONG_VENDORS: dict[str, str] = {
    "dynamics": "workers, vendors and journals; dimensions, account structures and formats are the customer's own",
    "plex": "two profiles, and an employee list that tells forbidden and empty apart only by canaries",
    "rippling": "two generations of the API, and findings for each entity",
}
"""What may exceed a limit, each with its reason. An entry that is no longer needed fails too."""

INTERFACES = frozenset({"admin", "api", "jobs"})
"""How the world calls an application. Only ``config`` puts them together."""

PURE_PAYROLL = (
    "describing",
    "drafts",
    "expecting",
    "findings",
    "journals",
    "lines",
    "money",
    "months",
    "parting",
    "placing",
    "register",
    "rules",
    "tying",
    "validation",
    "variance",
    "visibility",
)
PURE_SCHEDULING = (
    "business_days",
    "calendar_events",
    "calendar_files",
    "calendars",
    "cron",
    "occurrences",
    "refusing",
    "wall_time",
)
PURE = frozenset(
    {
        *(f"connectors.{name}" for name in ("contract", "errors", "journals", "paging", "pay_runs", "records")),
        *(f"sync.{name}" for name in ("mapping", "planning")),
        *(f"sync.payroll.{name}" for name in PURE_PAYROLL),
        *(f"sync.scheduling.{name}" for name in PURE_SCHEDULING),
    }
)


def python_files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def vendors() -> list[str]:
    """Every package in ``connectors`` that Django did not ask for."""
    packages = {path.parent.name for path in (ROOT / "connectors").glob("*/__init__.py")}
    return sorted(packages - {"management", "migrations", "templatetags"})


def line_count(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def imported_modules(path: Path) -> set[str]:
    """Every module the file may import, at any depth: ``from a.b import c`` counts as a.b and as a.b.c."""
    found: set[str] = set()
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative(path)}:{node.lineno}: write the whole name, no relative import"
            assert node.module is not None
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def import_contracts(kind: str) -> list[set[str]]:
    """The module lists of all import-linter contracts of one type."""
    parser = ConfigParser()
    parser.read(ROOT / ".importlinter")
    key = {"independence": "modules", "forbidden": "source_modules"}[kind]
    return [set(parser[name][key].split()) for name in parser.sections() if parser[name].get("type") == kind]


def test_there_is_code_to_judge() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in python_files(*APPS)} == set(APPS)
    assert len(vendors()) >= 2


def test_sync_names_no_vendor() -> None:
    name = re.compile(rf"(?<![a-z])({'|'.join(vendors())})(?![a-z])", re.IGNORECASE)
    named = [
        f"{relative(path)}:{number}: {line.strip()}"
        for path in sorted((ROOT / "sync").rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if name.search(line)
    ]

    assert not named, "sync/ speaks of sources and targets; what is one vendor's belongs to its folder:\n" + "\n".join(
        named
    )


def test_every_vendor_is_kept_apart_by_an_import_contract() -> None:
    folders = {f"connectors.{name}" for name in vendors()}

    assert folders in import_contracts("independence"), "list every vendor under vendors-apart in .importlinter"
    assert folders in import_contracts("forbidden"), "list every vendor under vendors-plain in .importlinter"


def test_every_pure_module_is_kept_pure_by_an_import_contract() -> None:
    existing = {module for module in PURE if (ROOT / f"{module.replace('.', '/')}.py").exists()}

    assert any(existing <= contract for contract in import_contracts("forbidden")), (
        f"list these under pure in .importlinter: {sorted(existing)}"
    )


def test_only_config_imports_interfaces() -> None:
    wrong = []
    for path in python_files(*(app for app in APPS if app != "config")):
        inside = path.relative_to(ROOT).with_suffix("").parts
        for module in imported_modules(path):
            parts = module.split(".")
            if parts[0] not in APPS or len(parts) < 2 or parts[1] not in INTERFACES:
                continue
            if parts[:2] != list(inside[:2]):
                wrong.append(f"{relative(path)} imports {module}")

    assert not sorted(set(wrong)), "move what both need to a module of its own"


def test_files_are_short() -> None:
    long = {relative(path) for path in python_files(*CODE, "tests") if line_count(path) > FILE_LINES}

    assert long == set(LONG_FILES), f"more than {FILE_LINES} lines, or no longer: split, or list with a reason"


def test_functions_are_short() -> None:
    long = set()
    for path in python_files(*CODE):
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _body_lines(node) > FUNCTION_LINES:
                long.add(f"{relative(path)}:{node.name}")

    assert long == set(LONG_FUNCTIONS), f"more than {FUNCTION_LINES} lines, or no longer: split, or list with a reason"


def _body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of code, the docstring not counted."""
    first = node.body[0]
    docstring = 0
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        docstring = (first.end_lineno or first.lineno) - first.lineno + 1
    return (node.end_lineno or node.lineno) - node.lineno + 1 - docstring


def test_vendor_folders_are_small() -> None:
    long = {name for name in vendors() if sum(map(line_count, python_files(f"connectors/{name}"))) > VENDOR_LINES}

    assert long == set(LONG_VENDORS), f"more than {VENDOR_LINES} lines, or no longer: simplify, or list with a reason"


def test_code_that_handles_money_names_no_float() -> None:
    """Where Decimal is imported, and wherever records and vendor payloads are declared."""
    wrong = []
    for path in python_files(*APPS):
        tree = parse(path)
        declares = path.name in ("records.py", "schemas.py")
        if not declares and "decimal.Decimal" not in imported_modules(path):
            continue
        for node in ast.walk(tree):
            if (isinstance(node, ast.Name) and node.id == "float") or (
                isinstance(node, ast.Constant) and isinstance(node.value, float)
            ):
                wrong.append(f"{relative(path)}:{node.lineno}")

    assert not wrong, "money is Decimal from the wire to the ledger"


def test_no_model_stores_a_float() -> None:
    ours = [model for model in apps.get_models() if model._meta.app_label in APPS]
    floats = [
        f"{model.__name__}.{field.name}"
        for model in ours
        for field in model._meta.get_fields()
        if isinstance(field, models.FloatField)
    ]

    assert ours
    assert not floats


MARKDOWN = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ADRS = sorted((ROOT / "docs" / "adr").glob("*.md"))


@pytest.mark.parametrize("document", MARKDOWN, ids=relative)
def test_links_between_pages_resolve(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    missing = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        target, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = (document.parent / target).resolve() if target else document
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            missing.append(link)

    assert not missing


def _anchors(page: Path) -> set[str]:
    """The names GitHub and others give to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(path.name[:4]) for path in ADRS]

    assert numbers == list(range(1, len(ADRS) + 1)), "two decisions with one number, or a number left out"
    assert ADRS


@pytest.mark.parametrize("document", ADRS, ids=relative)
def test_a_decision_says_context_decision_and_consequences(document: Path) -> None:
    text = document.read_text(encoding="utf-8")

    assert text.startswith(f"# {int(document.name[:4])}. ")
    for part in ("Context", "Decision", "Consequences"):
        assert f"**{part}.**" in text
    assert len(text.splitlines()) <= 20, "a decision fits on a card"


def test_the_readme_lists_every_environment_variable() -> None:
    readers = {"text", "flag", "number", "words"}
    read = {
        node.args[0].value
        for path in python_files(*APPS)
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in readers
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "env"
        and isinstance(node.args[0], ast.Constant)
    }
    listed = set(
        re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )

    assert read == listed


def test_one_version_of_uv_everywhere() -> None:
    versions = {
        name: re.findall(r"UV_VERSION ?:?= ?([\d.]+)", (ROOT / name).read_text(encoding="utf-8"))
        for name in ("Makefile", "Dockerfile")
    }

    assert versions["Makefile"] == versions["Dockerfile"] != []
