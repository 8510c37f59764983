"""The Dynamics simulator: every environment on one server, told apart by the token."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from sandbox.core import Handler, Simulator, new_key
from sandbox.dynamics import actions, batch, entra, metadata
from sandbox.dynamics.environment import Environment
from sandbox.dynamics.founding import found
from sandbox.dynamics.operations import Answer, Operation
from sandbox.dynamics.refusals import Refusal, forbidden, no_route, unauthorized
from sandbox.dynamics.units import Undone, carry_out, journals_written

Served = Callable[[Environment, web.Request, Operation], Any]


class DynamicsSimulator(Simulator[Environment]):
    """``now`` tells the time: tokens, employments and fiscal years follow it."""

    name = "dynamics"

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._by_client: dict[str, Environment] = {}
        self._by_token: dict[str, Environment] = {}
        super().__init__()

    def routes(self, app: web.Application) -> None:
        add = app.router.add_route
        add("POST", entra.TOKEN_PATH, self._token)
        add("POST", "/data/$batch", self._admitted(self._batch))
        add("GET", "/data/$metadata", self._admitted(self._csdl))
        add("GET", "/data", self._admitted(self._service_document))
        add("GET", "/data/", self._admitted(self._service_document))
        add("*", "/data/{path:.+}", self._admitted(self._single))
        add("GET", "/Metadata/{path:.+}", self._admitted(self._described))
        add("*", "/api/services{path:.*}", self._admitted(self._service))
        add("*", "/{path:.*}", self._nothing_here)

    def create(self, options: dict[str, Any]) -> tuple[Environment, dict[str, Any]]:
        try:
            environment = found(options, self._now)
        except (KeyError, ValueError, TypeError) as error:
            raise web.HTTPBadRequest(text=f"company options: {error!r}") from error
        if environment.client_id in self._by_client:
            raise web.HTTPBadRequest(text="the client id is taken")
        self._by_client[environment.client_id] = environment
        return environment, {
            "directory_id": environment.directory_id,
            "client_id": environment.client_id,
            "client_secret": environment.client_secret,
            "token_path": entra.TOKEN_PATH.format(directory=environment.directory_id),
            "legal_entities": [row.record["DataArea"] for row in environment.tables["Companies"]],
            "journal_names": sorted({row.record["Name"] for row in environment.tables["JournalNames"]}),
        }

    def company_of(self, request: web.Request) -> Environment | None:
        wanted = request.get(entra.TOKEN_REQUEST)
        if wanted is not None:
            return self._by_client.get(wanted.client_id)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return self._by_token.get(token) if scheme == "Bearer" else None

    def is_secret(self, request: web.Request) -> bool:
        return request.path.endswith("/oauth2/v2.0/token")

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """A token request names its client in the body, which has to be read before the environment is known."""
        if self.is_secret(request):
            request[entra.TOKEN_REQUEST] = entra.TokenRequest(request, await request.read())
        return await super()._middleware(request, handler)

    async def _control_delete(self, request: web.Request) -> web.Response:
        environment = self._named(request)
        for known in (self._by_client, self._by_token):
            for credential in [name for name, owner in known.items() if owner is environment]:
                del known[credential]
        return await super()._control_delete(request)

    async def _token(self, request: web.Request) -> web.Response:
        environment = self.company_of(request)
        token, answer = entra.grant(request[entra.TOKEN_REQUEST], environment)
        if environment is not None:
            environment.counted["token"] += 1
            if token is not None:
                self._by_token[token] = environment
        return answer

    async def _nothing_here(self, request: web.Request) -> web.Response:
        return _refused(no_route(str(request.url)))

    def _admitted(self, served: Served) -> Handler:
        """The handler behind Entra's token and the environment's list of applications (dynamics §1)."""

        async def handle(request: web.Request) -> web.Response:
            environment = self.company_of(request)
            operation = await _operation(request)
            try:
                if environment is None or not entra.holds(
                    environment, operation.headers["authorization"].split(" ")[1]
                ):
                    raise unauthorized()
                environment.counted[batch.kind_of(operation)] += 1
                if not environment.settings.registered:
                    raise unauthorized()
                if not environment.settings.roles:
                    raise forbidden("the data of this environment")
                answer: web.Response = await served(environment, request, operation)
            except Refusal as refusal:
                answer = _refused(refusal)
            except Undone as undone:
                mute = environment is not None and environment.settings.mute_patches and request.method == "PATCH"
                answer = _refused(undone.refusal, mute=mute)
            answer.headers["ms-dyn-aid"] = new_key()
            return answer

        return handle

    async def _single(self, environment: Environment, request: web.Request, operation: Operation) -> web.Response:
        with environment.overlaps.during({*journals_written(environment, operation)}):
            return _response((await carry_out(environment, [operation]))[0])

    async def _batch(self, environment: Environment, request: web.Request, operation: Operation) -> web.Response:
        units = batch.units_of(request.headers.get("Content-Type", ""), operation.origin, operation.content)
        go_on = "odata.continue-on-error" in operation.headers.get("prefer", "").replace("=true", "")
        results = await batch.run(environment, units, go_on=go_on)
        content_type, body = batch.written(results, new_key())
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _service_document(
        self, environment: Environment, request: web.Request, operation: Operation
    ) -> web.Response:
        return _response(Answer(200, metadata.service_document(operation.origin)))

    async def _csdl(self, environment: Environment, request: web.Request, operation: Operation) -> web.Response:
        return web.Response(text=metadata.csdl(), content_type="application/xml")

    async def _described(self, environment: Environment, request: web.Request, operation: Operation) -> web.Response:
        return _response(Answer(200, metadata.described(request.match_info["path"], operation.uri)))

    async def _service(self, environment: Environment, request: web.Request, operation: Operation) -> web.Response:
        environment.undo.clear()
        return _response(actions.serve(environment, operation))


async def _operation(request: web.Request) -> Operation:
    path, _, query = request.raw_path.partition("?")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Operation(request.method, str(request.url.origin()), path, query, headers, await request.read())


def _response(answer: Answer) -> web.Response:
    content = answer.content()
    headers = answer.headers | ({"Content-Type": answer.content_type} if content else {}) | {"OData-Version": "4.0"}
    return web.Response(status=answer.status, body=content or None, headers=headers)


def _refused(refusal: Refusal, *, mute: bool = False) -> web.Response:
    return _response(Answer(refusal.status, refusal.body(mute=mute), refusal.headers))
