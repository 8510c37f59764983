"""Too many requests in a minute."""

from __future__ import annotations

from collections.abc import Callable

from tests.sandbox.rippling_world import Rippling

Make = Callable[..., Rippling]


def test_beyond_the_limit_requests_are_refused_without_a_word_on_when_to_come_back(rippling: Make) -> None:
    company, other = rippling(size=1, rate_limit_per_minute=3), rippling(size=1)

    answers = [company.get(path) for path in ("/workers/", "/platform/api/me", "/users/", "/workers/", "/sso-me/")]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert "Retry-After" not in answers[3].headers
    assert answers[3].json() == {"detail": "Request was throttled."}
    assert company.snapshot()["throttled"] == 2
    assert other.get("/workers/").status_code == 200


def test_the_minute_slides_and_refused_requests_do_not_count(rippling: Make) -> None:
    company = rippling(size=1, rate_limit_per_minute=2)
    company.ok("/workers/")
    company.change("set_options", clock_skew_seconds=40)
    company.ok("/workers/")
    assert company.get("/workers/").status_code == 429

    company.change("set_options", clock_skew_seconds=61)

    assert [company.get("/workers/").status_code for _ in range(2)] == [200, 429]


def test_a_refusal_can_say_how_long_to_wait(rippling: Make) -> None:
    company = rippling(size=1, rate_limit_per_minute=1, retry_after=True)
    company.ok("/workers/")
    company.change("set_options", clock_skew_seconds=20)

    wait = int(company.get("/workers/").headers["Retry-After"])

    assert 35 <= wait <= 40
    company.change("set_options", clock_skew_seconds=20 + wait)
    assert company.get("/workers/").status_code == 200
