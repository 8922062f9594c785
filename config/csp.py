"""The content security policy, with the one exception that unfold's Alpine needs, and only where it needs it."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csp import ContentSecurityPolicyMiddleware
from django.utils.csp import CSP


class HouseContentSecurityPolicy(ContentSecurityPolicyMiddleware):
    """Django's policy everywhere; below /admin/ scripts may also be compiled from text ('unsafe-eval')."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if request.path.startswith("/admin/") and not hasattr(response, "_csp_config"):
            response._csp_config = admin_policy()  # type: ignore[attr-defined]
        return super().process_response(request, response)


def admin_policy() -> dict[str, Any]:
    """SECURE_CSP with 'unsafe-eval' among the script sources."""
    policy: dict[str, Any] = dict(settings.SECURE_CSP)
    policy["script-src"] = [*policy["script-src"], CSP.UNSAFE_EVAL]
    return policy
