"""``manage.py create_tenant``: a new customer company and its first administrator."""

from __future__ import annotations

import sys
import uuid
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import password_validation
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.record import Entry, record
from tenants.models import ApiKey, Membership, Role, Tenant
from tenants.scope import tenant_scope


class Command(BaseCommand):
    """All or nothing: when anything is refused, nothing was made."""

    help = "Makes a company with its first administrator, and an API key if asked for."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the company's name")
        parser.add_argument("--slug", required=True, help="a short unique name: letters, digits, hyphens")
        parser.add_argument("--time-zone", required=True, help="decides its local dates, such as America/Detroit")
        parser.add_argument("--admin-email", required=True, help="who becomes its administrator; also the user name")
        parser.add_argument(
            "--admin-password-stdin", action="store_true", help="read the new administrator's password from one line"
        )
        parser.add_argument("--api-key", action="store_true", help="make an administrator's API key and print it, once")

    def handle(self, *args: Any, **options: Any) -> None:
        password = sys.stdin.readline().rstrip("\r\n") if options["admin_password_stdin"] else None
        tenant = Tenant(
            id=uuid.uuid4(), name=options["name"].strip(), slug=options["slug"], time_zone=options["time_zone"]
        )
        try:
            tenant.full_clean()
            validate_email(options["admin_email"])
            with transaction.atomic(), tenant_scope(tenant.id):
                self._create_company(tenant)
                user, made = self._administrator(options["admin_email"], password)
                Membership.objects.create(user=user, role=Role.ADMINISTRATOR)
                key = self._key() if options["api_key"] else None
                _record(tenant, user, key)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        self._report(tenant, user, made=made, password=password is not None, key=key and key[1])

    def _create_company(self, tenant: Tenant) -> None:
        # Row-level security hides the other companies: only the index knows that a slug is taken.
        try:
            with transaction.atomic():
                tenant.save(force_insert=True)
        except IntegrityError:
            raise CommandError(f"The slug {tenant.slug} is taken. Choose another one; nothing was made.") from None

    def _administrator(self, email: str, password: str | None) -> tuple[User, bool]:
        """The user with this e-mail address, and whether it was made now. A password is for a new user only."""
        if existing := User.objects.filter(username__iexact=email).first():
            if password is not None:
                raise CommandError(
                    f"{email} already has an account and keeps its password; leave the password out. Nothing was made."
                )
            return existing, False
        user = User(username=email, email=email, is_staff=True)
        if password is not None:
            password_validation.validate_password(password, user)
        user.set_password(password)
        user.save()
        return user, True

    def _key(self) -> tuple[ApiKey, str]:
        key, text = ApiKey.objects.create_key(
            name="First key", role=Role.ADMINISTRATOR, created_by="manage.py create_tenant"
        )
        assert isinstance(key, ApiKey)
        return key, str(text)

    def _report(self, tenant: Tenant, user: User, *, made: bool, password: bool, key: str | None) -> None:
        self.stdout.write(f"Company: {tenant.name} ({tenant.slug}), {tenant.time_zone}, id {tenant.id}")
        self.stdout.write(f"Administrator: {user.get_username()} ({'new account' if made else 'existing account'})")
        if made and not password:
            self.stdout.write(f"  No password yet: run `manage.py changepassword {user.get_username()}`.")
        if key:
            self.stdout.write(f"API key, shown this once: {key}")


def _record(tenant: Tenant, user: User, key: tuple[ApiKey, str] | None) -> None:
    entries = [
        Entry(
            action="tenant.created",
            subject_kind="tenant",
            subject_id=str(tenant.id),
            subject_label=tenant.name,
            after={"name": tenant.name, "time_zone": tenant.time_zone},
        ),
        Entry(
            action="member.added",
            subject_kind="member",
            subject_id=str(user.pk),
            subject_label=user.get_username(),
            after={"role": Role.ADMINISTRATOR.label},
        ),
    ]
    if key:
        entries.append(
            Entry(
                action="api_key.created",
                subject_kind="api_key",
                subject_id=key[0].prefix,
                subject_label=key[0].name,
                after={"role": Role.ADMINISTRATOR.label, "prefix": key[0].prefix},
            )
        )
    record(entries, at=timezone.now())
