"""What an announcement asks for, as its vendor means it."""

from __future__ import annotations

from connectors.vendors import VENDORS
from connectors.webhooks import Meaning, Meant, WebhookEvent, Webhooks
from sync.models import Delivery
from sync.webhooks.refusing import Refused


def webhooks_of(vendor: str) -> Webhooks:
    """The vendor's webhooks; Refused (404) when there is no such vendor, or it has none."""
    known = VENDORS.get(vendor)
    if known is None or known.webhooks is None:
        raise Refused(404, "unknown_vendor", "There is no such address.")
    return known.webhooks


def meant_by(vendor: str, delivery: Delivery) -> Meant:
    """What is to be done about a stored delivery. A feed names people, and nothing else."""
    if delivery.origin == Delivery.Origin.FEED:
        return Meant(Meaning.PERSON)
    return webhooks_of(vendor).meaning(WebhookEvent(name=delivery.event, company="", subject=delivery.subject))
