"""Who may do what: one rule for the admin and the API.

Viewers read. Preparers configure flows and mappings, run, preview and replay. Approvers also release held runs.
Administrators also manage connections, credentials, keys and people.
"""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from tenants.models import Role


class RolePermission(BasePermission):
    """Lets a key through whose role covers what the view asks for.

    A view names the role for writing in ``write_role`` and for single actions in ``action_roles``; reading needs
    ``read_role``, a viewer's by default.
    """

    message = "Your role does not allow this. Ask an administrator of your company."

    def has_permission(self, request: Request, view: Any) -> bool:
        role = getattr(request.auth, "role", None)
        if role is None:
            return False
        return Role(role).covers(self.needed(request, view))

    @staticmethod
    def needed(request: Request, view: Any) -> Role:
        """The least role that may make this request."""
        by_action: dict[str, Role] = getattr(view, "action_roles", {})
        if (action := getattr(view, "action", None)) in by_action:
            return by_action[action]
        if request.method in SAFE_METHODS:
            return getattr(view, "read_role", Role.VIEWER)
        return getattr(view, "write_role", Role.ADMINISTRATOR)
