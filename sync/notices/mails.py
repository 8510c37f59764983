"""What a mail says: text and simple HTML of the same, and where its links lead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urljoin, urlsplit

import msgspec
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from sync.models import Dispatch, Notice
from sync.notices.digests import Digest


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """One mail without its recipient. ``name`` stays the same however often it is tried."""

    name: str
    subject: str
    text: str
    html: str

    def to(self, address: str) -> EmailMultiAlternatives:
        """The message for this address. Who gets it twice after a lost answer sees one: its Message-ID is the same."""
        host = urlsplit(settings.SITE_URL).hostname or "localhost"
        headers = {"Message-ID": f"<{self.name}@{host}>", "Auto-Submitted": "auto-generated"}
        message = EmailMultiAlternatives(self.subject, self.text, to=[address], headers=headers)
        message.attach_alternative(self.html, "text/html")
        return message


def link_to(path: str) -> str:
    """The full address of a page of ours."""
    return urljoin(settings.SITE_URL, path)


def notices_mail(message: Dispatch, company: str, notices: Sequence[Notice]) -> Mail:
    """What is new for one person, or mended, in one company."""
    mended = message.purpose == Dispatch.Purpose.MENDED
    first = notices[0].sentence if notices else ""
    subject = f"{company}: {'mended: ' if mended else ''}{first}"
    if len(notices) > 1:
        subject = f"{company}: {len(notices)} {'things are mended' if mended else 'things need somebody'}"
    rows = [(one, link_to(one.link) if one.link else "") for one in notices]
    return _mail(message, subject, "notices", {"company": company, "rows": rows, "mended": mended})


def digest_mail(message: Dispatch, digest: Digest, *, with_money: bool, now: datetime) -> Mail:
    """The morning's digest; amounts only ``with_money``."""
    subject = f"{digest.company}: {digest.day:%a %d %b}, {_open(digest)}"
    context = {"digest": digest, "with_money": with_money, "pay_runs": link_to("/admin/sync/payrun/"), "now": now}
    return _mail(message, subject, "digest", context)


def _open(digest: Digest) -> str:
    number = len(digest.open) + digest.more_open
    return "nothing is open" if not number else "1 notice is open" if number == 1 else f"{number} notices are open"


def _mail(message: Dispatch, subject: str, template: str, context: dict[str, object]) -> Mail:
    context = {**context, "choices": link_to("/admin/sync/noticechoice/"), "all": link_to("/admin/sync/notice/")}
    return Mail(
        name=f"mlc-{message.tenant_id}-{message.pk}",
        subject=" ".join(subject.split())[:200],
        text=render_to_string(f"mails/{template}.txt", context).strip() + "\n",
        html=render_to_string(f"mails/{template}.html", context),
    )
