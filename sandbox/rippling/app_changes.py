"""What can be made to happen between a company and the app: installs, lost administrators, webhooks, feeds."""

from __future__ import annotations

from typing import Any

from sandbox.rippling.activity import record
from sandbox.rippling.announcing import add_worker_change, event, tell
from sandbox.rippling.app_shop import Installer
from sandbox.rippling.oauth import new_code
from sandbox.rippling.scene import Scene
from sandbox.rippling.webhooks import Hook

WORKER_CHANGES = frozenset(
    {
        "HIRE", "CHANGE", "SCHEDULED_CHANGE", "OFFBOARD", "SCHEDULED_OFFBOARD", "IMPORT", "UNDO",
        "EFFECTIVE_DATE_AMENDMENT",
    }
)  # fmt: skip


def sign_in(scene: Scene) -> dict[str, Any]:
    """This company's administrator is the one who agrees, of all the companies with the app. A new company's is."""
    scene.company.app.signed_in_at = scene.company.clock()
    return {"name": scene.company.app.app.name}


def install(scene: Scene, buy: bool = False, return_to: str | None = None, another: bool = False) -> dict[str, Any]:
    """Where the browser lands when the app is installed from Rippling; ``another`` administrator takes it over."""
    app = scene.company.app
    if another:
        app.installer = Installer()
    code = new_code(scene.company)
    return {"url": app.install_url(code, buy, return_to), "code": code}


def expire_tokens(scene: Scene, refresh: bool = False) -> dict[str, Any]:
    """Every access token has run out; with ``refresh`` every refresh token too."""
    app = scene.company.app
    app.expire(scene.company.server_time)
    for one in app.refresh.values():
        one.spent = one.spent or refresh
    return app.snapshot(scene.company.server_time)


def terminate_installer(scene: Scene) -> dict[str, Any]:
    """Who installed the app leaves the company, and all their tokens end. Another administrator may install again."""
    app = scene.company.app
    app.revoke(app.installer, scene.company.server_time)
    app.installer.terminated = True
    return app.snapshot(scene.company.server_time)


def demote_installer(scene: Scene) -> dict[str, Any]:
    """Who installed the app is no administrator any more: 403, also with the tokens of a new install of theirs."""
    scene.company.app.installer.is_admin = False
    return scene.company.app.snapshot(scene.company.server_time)


def uninstall(scene: Scene) -> dict[str, Any]:
    """The app is gone: no token works, ``company.deleted`` is the last event."""
    company = scene.company
    tell(company, "company.deleted", company.company_id)
    for one in {id(known.installer): known.installer for known in company.app.refresh.values()}.values():
        company.app.revoke(one, company.server_time)
    company.app.expire(company.server_time)
    company.app.codes.clear()
    company.app.installed, company.app.uninstalled = False, True
    return company.app.snapshot(company.server_time)


def webhooks(scene: Scene, **hook: Any) -> dict[str, Any]:
    """Where events go from now on: the fields of Hook. What waits is sent there too."""
    scene.company.webhooks.hook = Hook(**hook)
    return scene.company.webhooks.snapshot()


def announce(
    scene: Scene, event_name: str, id: str | None = None, without: tuple[str, ...] = (), **fields: str
) -> dict[str, Any]:
    """Any event, however wrong, waits to be delivered: ``fields`` are added or replaced, ``without`` left out."""
    made = {**event(scene.company, event_name, id), **fields}
    made = {name: value for name, value in made.items() if name not in without}
    scene.company.webhooks.tell(made)
    return {"event": made, **scene.company.webhooks.snapshot()}


def worker_change(
    scene: Scene, worker: str | int, event_type: str, field_key: str | None = None, effective_on: str | None = None
) -> dict[str, Any]:
    """A row of ``/worker-changes/`` that no change of the data goes with."""
    if event_type not in WORKER_CHANGES:
        raise ValueError(f"event_type is one of {sorted(WORKER_CHANGES)}, not {event_type!r}")
    return add_worker_change(scene.company, scene.worker(worker)["id"], event_type, field_key, effective_on)


def activity(
    scene: Scene, event_type: str, worker: str | int | None = None, group: str | None = None, **fields: Any
) -> dict[str, Any]:
    """An event of ``company_activity`` about a worker, a group or both; ``fields`` are set as they are."""
    worker_id = None if worker is None else scene.worker(worker)["id"]
    return record(scene.company, event_type, worker_id, group, **fields)
