"""A person at the admin site, by HTTP as their browser does it: signs in by its form and answers its questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx

from demo.api import DemoError


@dataclass
class Form:
    """A form of a page that is sent by POST: where to, what it holds already, and the sentences in it."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    sentences: list[str] = field(default_factory=list)


class Desk:
    """Signed in from the beginning."""

    def __init__(self, address: str, login: str, password: str, alive: Callable[[], None]) -> None:
        self._alive = alive
        self._client = httpx.Client(base_url=f"{address}/admin/", follow_redirects=True, timeout=120, trust_env=False)
        self._answer("", "password", username=login, password=password)
        if "sessionid" not in self._client.cookies:
            raise DemoError(f"{login} cannot sign in at {address}/admin/.")

    def approve(self, pay_run: int) -> list[str]:
        """What this person was shown, sentence by sentence, before they agreed to all drafts of the pay run."""
        return self._answer(f"sync/payrun/{pay_run}/approve/", "hash:", reason="Checked against the payroll register.")

    def _answer(self, address: str, wanted: str, **answers: str) -> list[str]:
        """Fill in and send the form of this page that has a field of this name, or beginning with it."""
        shown, page = self._ask("GET", address), _Page()
        page.feed(shown.text)
        form = next((form for form in page.forms if any(name.startswith(wanted) for name in form.fields)), None)
        if form is None:
            raise DemoError(f"The page at /admin/{address} asks nothing: {' '.join(page.said)[:1000]}")
        self._ask("POST", str(shown.url.join(form.action)), form.fields | answers)
        return form.sentences

    def _ask(self, method: str, address: str, form: dict[str, str] | None = None) -> httpx.Response:
        try:
            response = self._client.request(method, address, data=form)
        except httpx.HTTPError as error:
            self._alive()
            raise DemoError(f"{method} {address}: no answer from the site ({error!r}).") from error
        if response.status_code >= 400:
            raise DemoError(f"{method} {response.url}: {response.status_code}.")
        return response


class _Page(HTMLParser):
    """The forms of a page, and its plain paragraphs: those with a class are labels and buttons."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.said: list[str] = []
        self._form: Form | None = None
        self._text: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form" and (found.get("method") or "").lower() == "post":
            self._form = Form(found.get("action") or "")
            self.forms.append(self._form)
        elif tag == "input" and self._form is not None and (name := found.get("name")):
            self._form.fields[name] = found.get("value") or ""
        elif tag == "p" and "class" not in found:
            self._text = []

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "p" and self._text is not None:
            sentence, self._text = " ".join("".join(self._text).split()), None
            self.said += [sentence] if sentence else []
            if self._form is not None and sentence:
                self._form.sentences.append(sentence)
