"""What every page for staff shares: who may see and do what, acts by POST, questions before an act.

Each application's ``admin`` module builds its pages on ``Records`` and ``act``; ``config.admin`` puts them together.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate

import msgspec
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin

from tenants.membership import allows, require
from tenants.models import Role


class Question(msgspec.Struct, kw_only=True):
    """What a person is asked before an act: ``facts`` say what will happen, ``button`` agrees to it."""

    title: str
    facts: list[str]
    button: str
    danger: bool = False
    reason: str = ""
    """Label of a text the person may give with their answer; empty for none."""
    hidden: dict[str, str] = {}
    """What the answer is bound to: it comes back with it, so that a change in between can be told."""
    options: list[tuple[str, str, str]] = []
    """What there is to choose from, as ``option``: value, what it says, and what it leads to."""


class Choice(msgspec.Struct, kw_only=True):
    """One filter above a list: links that set ``param`` in the address."""

    param: str
    label: str
    options: list[tuple[str, str]]
    chosen: str = ""


class Rows(msgspec.Struct, kw_only=True):
    """One page of a list. ``older`` and ``newer`` are page numbers, None where there is no such page."""

    records: list[Any]
    newer: int | None
    older: int | None


def rows_of(queryset: QuerySet[Any], request: HttpRequest, *, per_page: int = 50) -> Rows:
    """The page that the request asks for, in one query: the table is never counted."""
    text = request.GET.get("page", "1")
    number = min(int(text), 10_000) if text.isascii() and text.isdigit() and int(text) > 0 else 1
    start = (number - 1) * per_page
    found = list(queryset[start : start + per_page + 1])
    return Rows(
        records=found[:per_page],
        newer=number - 1 if number > 1 else None,
        older=number + 1 if len(found) > per_page else None,
    )


class RowsBefore(msgspec.Struct, kw_only=True):
    """One page of a long list, by key: ``before`` is the key the next page starts below, None on the last."""

    records: list[Any]
    before: int | None


def rows_before(queryset: QuerySet[Any], request: HttpRequest, *, per_page: int = 50) -> RowsBefore:
    """The page below ``?before=``, in one query that costs the same on every page. Ordered by ``-pk``."""
    text = request.GET.get("before", "")
    if text.isascii() and text.isdigit():
        queryset = queryset.filter(pk__lt=min(int(text), 2**63 - 1))
    found = list(queryset[: per_page + 1])
    return RowsBefore(records=found[:per_page], before=found[per_page - 1].pk if len(found) > per_page else None)


class Records(ModelAdmin):  # type: ignore[misc]
    """Read-only pages over one of a tenant's tables: a list, and a page per record.

    Every viewer may look; nobody adds, edits or deletes a row by hand. What people do instead are acts, each one
    domain call (``@act``), and forms of their own. The trail of who did what is the audit's, not Django's.
    """

    per_page = 50
    list_template = ""
    page_template = ""
    title = ""
    """What staff call these records, where the model's own name is not their word."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return allows(request, Role.VIEWER)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return allows(request, Role.VIEWER)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        """The list, the page of a record, and what ``own_urls`` adds: no delete, no history, no editing."""
        return [
            self.url("", self.changelist_view, "changelist"),
            *self.own_urls(),
            self.url("<str:object_id>/", self.change_view, "change"),
        ]

    def own_urls(self) -> list[URLPattern]:
        """Addresses of acts and of further pages."""
        return []

    def url(self, route: str, view: Callable[..., HttpResponseBase], name: str) -> URLPattern:
        """A path under this model's, for people who are signed in, named ``admin:<app>_<model>_<name>``."""
        shown: Callable[..., HttpResponseBase] = self.admin_site.admin_view(view)
        return path(route, shown, name=self._name(name))

    def address(self, name: str, *args: Any) -> str:
        """The address of one of these pages."""
        return reverse(f"{self.admin_site.name}:{self._name(name)}", args=args)

    def _name(self, name: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"

    def find(self, request: HttpRequest, object_id: str) -> Any:
        """The record, of this tenant; Http404 when there is none, or the person may not look."""
        require(request, Role.VIEWER)
        try:
            record = self.page_queryset(request).filter(pk=object_id).first()
        except (ValueError, ValidationError):
            record = None
        if record is None:
            raise Http404("There is no such record in your company.")
        return record

    def page_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """What a record's page is found in."""
        found: QuerySet[Any] = self.get_queryset(request)
        return found

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        require(request, Role.VIEWER)
        choices = self.choices(request)
        for choice in choices:
            choice.chosen = self.chosen(request, choice)
        chosen = {choice.param: choice.chosen for choice in choices}
        rows = rows_of(self.rows(request, chosen), request, per_page=self.per_page)
        context = {"rows": rows, "choices": choices, **self.list_context(request, rows.records)}
        return self.render(request, self.list_template, context)

    def rows(self, request: HttpRequest, chosen: dict[str, str]) -> QuerySet[Any]:
        """What the list shows, in its order, as the filters are set."""
        found: QuerySet[Any] = self.get_queryset(request)
        return found

    def choices(self, request: HttpRequest) -> list[Choice]:
        """The filters above the list; the first option is the one without any choice."""
        return []

    @staticmethod
    def chosen(request: HttpRequest, choice: Choice) -> str:
        """The option that is set, the first one when none or an unknown one is."""
        text = request.GET.get(choice.param, "")
        known = [value for value, _ in choice.options]
        return text if text in known else known[0]

    def list_context(self, request: HttpRequest, records: list[Any]) -> dict[str, Any]:
        """What the template of the list needs besides its rows."""
        return {}

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        record = self.find(request, object_id)
        return self.render(request, self.page_template, {"object": record, **self.page(request, record)})

    def page(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        """What the template of a record's page needs besides the record."""
        return {}

    def render(self, request: HttpRequest, template: str, context: dict[str, Any]) -> TemplateResponse:
        """A page in the site's frame."""
        frame = {**self.admin_site.each_context(request), "media": self.media}
        title = self.title or str(self.opts.verbose_name_plural).capitalize()
        crumbs = [(title, self.address("changelist"))]
        if record := context.get("object"):
            crumbs.append((str(record), self.back(record)))
        return TemplateResponse(request, template, {**frame, "title": title, "crumbs": crumbs, **context})

    def back(self, record: Any) -> str:
        """Where a person is after an act on this record."""
        return self.address("change", record.pk)


def act(
    role: Role,
    *,
    says: tuple[type[Exception], ...] = (),
    ask: str = "",
) -> Callable[
    [Callable[Concatenate[Any, HttpRequest, Any, ...], HttpResponseBase | str | None]], Callable[..., HttpResponseBase]
]:
    """A view that does something to a record: POST only, for ``role`` and above.

    The method is called with the record; it returns the sentence to show afterwards, or a response. The exceptions
    in ``says``, and ValidationError, are shown as they are. With ``ask``, the name of a method that returns a
    Question (or a sentence why there is nothing to ask), GET shows that first.
    """

    def decorate(
        method: Callable[Concatenate[Any, HttpRequest, Any, ...], HttpResponseBase | str | None],
    ) -> Callable[..., HttpResponseBase]:
        @wraps(method)
        def view(self: Records, request: HttpRequest, object_id: str) -> HttpResponseBase:
            record = self.find(request, object_id)
            require(request, role)
            if request.method == "GET" and ask:
                return _ask(self, request, record, getattr(self, ask)(request, record))
            if request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            refusals: tuple[type[Exception], ...] = (ValidationError, *says)
            try:
                answer = method(self, request, record)
            except refusals as refusal:
                for sentence in refusal.messages if isinstance(refusal, ValidationError) else [str(refusal)]:
                    messages.error(request, sentence)
                return HttpResponseRedirect(self.back(record))
            if isinstance(answer, HttpResponseBase):
                return answer
            if answer:
                messages.success(request, answer)
            return HttpResponseRedirect(self.back(record))

        return view

    return decorate


def _ask(records: Records, request: HttpRequest, record: Any, question: Question | str) -> HttpResponseBase:
    if isinstance(question, str):
        messages.info(request, question)
        return HttpResponseRedirect(records.back(record))
    context = {"object": record, "question": question, "back": records.back(record), "title": question.title}
    return records.render(request, "pages/question.html", context)
