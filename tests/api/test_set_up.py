"""A company sets up, runs and checks its integration by the API alone."""

from __future__ import annotations

from tenants.models import Role
from tests.api.caller import Caller
from tests.api.worker import work
from tests.cast import make_cast, make_key
from tests.connectors.customers import Customer
from tests.sync.story import plex_settings


def test_an_integration_is_set_up_run_and_checked_by_api_alone(sandbox: dict[str, str]) -> None:
    cast = make_cast()
    ada = Caller(make_key(cast.acme, Role.ADMINISTRATOR))
    there = Customer.create(sandbox["rippling"], size=12)
    workers = there.snapshot()["workers"]
    departments = sorted({worker["department"] for worker in workers})
    titles = sorted({worker["title"] for worker in workers})
    here = Customer.create(
        sandbox["plex"],
        setup={
            "statuses": {"Active": "active", "Terminated": "inactive"},
            "departments": departments,
            "positions": titles,
            "shifts": ["1st"],
            "types": ["Full Time"],
        },
        employees=[
            {
                "badgeNumber": badge,
                "userId": f"u{badge}",
                "firstName": "Seed",
                "lastName": "Person",
                "status": status,
                "position": titles[0],
                "department": departments[0],
                "shift": "1st",
                "type": "Full Time",
            }
            for badge, status in (("900001", "Active"), ("900002", "Terminated"))
        ],
    )

    # The forms of both products are described.
    vendors = {vendor["key"]: vendor for vendor in ada.get("vendors/").ok()["results"]}
    assert {field["name"] for field in vendors["rippling"]["settings"] if field["secret"]} >= {"api_token"}

    # Two connections, tested.
    source = ada.post(
        "connections/",
        {
            "vendor": "rippling",
            "name": "Rippling",
            "settings": {
                "rest_url": there.url + there.connect["base_path_v2"],
                "platform_url": there.url + there.connect["base_path_v1"],
            },
            "credentials": {"api_token": there.connect["token"]},
        },
    ).ok(201)
    plant = here.connect["plants"][0]
    target = ada.post(
        "connections/",
        {
            "vendor": "plex",
            "name": "Plex",
            "environment": "test",
            "settings": {
                **plex_settings(here, "connect"),
                "pcn": str(plant["pcn"]),
                "company_code": plant["code"],
                "known_departments": ",".join(departments),
                "known_positions": ",".join(titles),
                "rate_limit_per_minute": "0",
            },
        },
    ).ok(201)
    assert target["has_credentials"] is False
    given = ada.put(f"connections/{target['id']}/credentials/", {"credentials": {"api_key": here.connect["api_key"]}})
    assert given.ok()["has_credentials"] is True
    assert here.connect["api_key"] not in given.content.decode()
    for connection in (source, target):
        checked = ada.post(f"connections/{connection['id']}/check/").ok()
        assert checked["state"] in ("ready", "limited"), checked
        assert checked["findings"]

    # The integration, its reference data, its mappings.
    integration = ada.post(
        "integrations/", {"name": "Rippling to Plex", "source": source["id"], "target": target["id"]}
    ).ok(201)
    flows = {flow["kind"]: flow["id"] for flow in integration["flows"]}
    ada.post(f"flows/{flows['reference']}/run/").ok(201)
    work(cast.acme.id)
    assert ada.all(f"reference-values/?connection={source['id']}&kind=department&active=true")
    suggested = ada.post("mappings/suggest/", {"integration": integration["id"]}).ok()["suggested"]
    waiting = ada.all(f"mappings/?integration={integration['id']}&state=suggested")
    assert len(waiting) == suggested > 0
    confirmed = ada.post("mappings/confirm/", {"mappings": [row["id"] for row in waiting]}).ok()["confirmed"]
    assert confirmed == suggested
    coverage = ada.get(f"mappings/coverage/?integration={integration['id']}").ok()
    assert {kind["kind"]: kind["mapped"] for kind in coverage["kinds"]}["department"] == len(departments)

    # Looked at first, then written.
    preview = ada.post(f"flows/{flows['people']}/preview/").ok(201)
    work(cast.acme.id)
    seen = ada.get(f"runs/{preview['id']}/").ok()
    assert (seen["state"], seen["read"]) == ("succeeded", 12), seen
    ada.patch(f"flows/{flows['people']}/", {"writes_enabled": True, "every_minutes": 15}).ok()
    answer = ada.post(f"flows/{flows['people']}/run/", {"kind": "full"})
    run = answer.ok(201)
    work(cast.acme.id)
    done = ada.get(answer.headers["Location"]).ok()
    if done["state"] == "held":
        released = ada.post(f"flows/{flows['people']}/release/").ok(201)
        work(cast.acme.id)
        done = ada.get(f"runs/{released['id']}/").ok()
    assert done["state"] == "succeeded", done
    assert done["active"] is False
    items = ada.all(f"runs/{done['id']}/items/")
    assert {item["state"] for item in items} == {"created"}
    assert run["created_at"]

    # Both sides agree, and the trail proves it.
    active = {str(worker["number"]) for worker in workers if worker["status"] == "ACTIVE"}
    count = ada.get(f"integrations/{integration['id']}/headcount/").ok()
    assert count["source"] == count["linked"] == len(active)
    in_plex = {e["badgeNumber"] for p in here.snapshot()["plants"] for e in p["employees"] if e["status"] == "Active"}
    assert active <= in_plex
    verified = ada.post("audit-entries/verify/").ok()
    assert (verified["ok"], verified["head_matches"]) == (True, True)
    assert not ada.all("problems/?state=open")
