"""Where credentials may go, and what else people may enter for a connection."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from connectors.contract import SettingField
from connectors.errors import ConnectionConfigError
from connectors.hosts import check_address
from connectors.inputs import allowed_hosts, clean_credentials, clean_settings
from connectors.vendors import VENDORS, Vendor

VENDOR = Vendor(
    key="made-up",
    product="Made-up",
    roles=frozenset({"target"}),
    hosts=frozenset({"api.made-up.example", ".cloud.made-up.example"}),
    settings=(
        SettingField(name="base_url", label="Address", help="", is_url=True),
        SettingField(name="company", label="Company", help="", required=True),
        SettingField(
            name="profile", label="Profile", help="", required=True, default="a", choices=(("a", "A"), ("b", "B"))
        ),
        SettingField(name="limit", label="Calls per minute", help="", is_number=True),
        SettingField(name="key", label="Key", help="", secret=True, required=True),
        SettingField(name="second_key", label="Second key", help="", secret=True),
    ),
)


@pytest.fixture(autouse=True)
def _deployed(settings: Settings) -> None:
    settings.ALLOW_LOOPBACK_VENDORS = False
    settings.ALLOWED_VENDOR_HOSTS = frozenset({"Gateway.acme.example", "10.1.2.3"})


def refused(settings: dict[str, object]) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        clean_settings(VENDOR, settings)
    return dict(caught.value.message_dict)


@pytest.mark.parametrize(
    "address",
    [
        "https://api.made-up.example",
        "https://API.made-up.example/v1/",
        "https://eu.cloud.made-up.example:8443/base",
        "https://gateway.acme.example",
        "https://10.1.2.3/proxy",
    ],
)
def test_addresses_of_the_vendor_and_of_the_operator_are_taken(address: str) -> None:
    assert clean_settings(VENDOR, {"company": "ACME", "base_url": f" {address} "})["base_url"] == address


@pytest.mark.parametrize(
    "address",
    [
        "http://api.made-up.example",
        "https://evil.example",
        "https://api.made-up.example.evil.example",
        "https://evilcloud.made-up.example",
        "https://user:secret@api.made-up.example",
        "https://api.made-up.example@evil.example",
        "https://api.made-up.example#@evil.example",
        "https://api.made-up.example/?next=https://evil.example",
        "https://api.made-up.example\\@evil.example",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://10.0.0.1/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://[::ffff:127.0.0.1]/",
        "https://api.made-up.example:port/",
        "ftp://api.made-up.example/",
        "file:///etc/passwd",
        "//api.made-up.example/",
        "api.made-up.example",
        "https://",
        "https://api.made-up.example\u3002evil.example/",
    ],
)
def test_any_other_address_is_refused_with_the_field_named(address: str) -> None:
    assert list(refused({"company": "ACME", "base_url": address})) == ["base_url"]


def test_loopback_needs_the_operators_word(settings: Settings) -> None:
    address = "http://127.0.0.1:8080/plex"
    with pytest.raises(ConnectionConfigError, match="this computer"):
        check_address(address, allowed={"127.0.0.1"}, allow_loopback=False, product="Plex")
    settings.ALLOW_LOOPBACK_VENDORS = True

    assert clean_settings(VENDOR, {"company": "ACME", "base_url": address})["base_url"] == address
    assert list(refused({"company": "ACME", "base_url": "http://10.0.0.1/"})) == ["base_url"]


def test_each_wrong_field_is_named_at_once() -> None:
    found = refused(
        {"profile": "c", "limit": "ten", "colour": "red", "key": "s3cret", "base_url": "https://evil.example"}
    )

    assert set(found) == {"profile", "limit", "colour", "key", "base_url", "company"}
    assert found["company"] == ["Company is needed."]
    assert found["profile"] == ["Profile must be one of: A, B."]
    assert found["key"] == ["This is a credential; enter it with the credentials."]
    assert "s3cret" not in str(found)


@pytest.mark.parametrize("value", ["1.5", "-1", "²", "１２", "1 000", True, 2.5, ["1"]])
def test_a_number_is_digits(value: object) -> None:
    assert list(refused({"company": "ACME", "limit": value})) == ["limit"]


def test_what_is_kept_is_text_without_blanks_and_only_what_was_entered() -> None:
    kept = clean_settings(VENDOR, {"company": " ACME\r\nEAST ", "limit": 180, "profile": None, "base_url": ""})

    assert kept == {"company": "ACME\nEAST", "limit": "180", "profile": "", "base_url": ""}


@pytest.mark.parametrize("value", ["a\x00b", "a\u202eb", "x" * 4_001, "a\x7f"])
def test_what_cannot_be_sent_or_stored_is_refused(value: str) -> None:
    assert list(refused({"company": value})) == ["company"]


def test_credentials_are_checked_by_name_and_empty_ones_left_out() -> None:
    assert clean_credentials(VENDOR, {"key": " k ", "second_key": ""}) == {"key": "k"}
    with pytest.raises(ValidationError) as caught:
        clean_credentials(VENDOR, {"company": "ACME", "second_key": "x"})
    assert set(caught.value.message_dict) == {"company", "key"}


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=list(VENDORS))
def test_the_default_addresses_of_every_vendor_are_allowed(vendor: Vendor) -> None:
    addresses = [field.default for field in vendor.settings if field.is_url and field.default]
    for address in addresses:
        check_address(address, allowed=allowed_hosts(vendor), allow_loopback=False, product=vendor.product)
    assert vendor.hosts
