"""How the admin looks: name, colours, the files that dress it. What its side bar holds is config/sidebar.py."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def asset(path: str) -> Callable[[HttpRequest], str]:
    """A static file's address, asked for per request (hashed names are known only then)."""
    return lambda request: static(path)


# oklch, so that equal steps look equal. `primary` is the sea behind the signal, `base` a slate that leans to it.
COLOURS = {
    "base": {
        "50": "oklch(98.4% 0.003 230)",
        "100": "oklch(96.6% 0.005 230)",
        "200": "oklch(92.4% 0.008 230)",
        "300": "oklch(86.5% 0.012 230)",
        "400": "oklch(71% 0.02 230)",
        "500": "oklch(53.5% 0.024 230)",
        "600": "oklch(43.5% 0.026 230)",
        "700": "oklch(36% 0.026 230)",
        "800": "oklch(27.5% 0.024 230)",
        "900": "oklch(20.5% 0.02 230)",
        "950": "oklch(15% 0.018 230)",
    },
    "primary": {
        "50": "oklch(97.6% 0.014 205)",
        "100": "oklch(94.6% 0.034 205)",
        "200": "oklch(89.5% 0.06 207)",
        "300": "oklch(82.5% 0.088 209)",
        "400": "oklch(74% 0.11 212)",
        "500": "oklch(63.5% 0.115 215)",
        "600": "oklch(50% 0.1 218)",
        "700": "oklch(43.5% 0.088 220)",
        "800": "oklch(37.5% 0.074 222)",
        "900": "oklch(32% 0.06 224)",
        "950": "oklch(25% 0.048 226)",
    },
    "font": {
        "subtle-light": "var(--color-base-500)",
        "subtle-dark": "var(--color-base-400)",
        "default-light": "var(--color-base-700)",
        "default-dark": "var(--color-base-300)",
        "important-light": "var(--color-base-900)",
        "important-dark": "var(--color-base-100)",
    },
}

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Heliograph",
    "SITE_HEADER": "Heliograph",
    "SITE_SUBHEADER": _("Push, to the right people"),
    "SITE_URL": None,
    "SITE_ICON": asset("theme/logo.svg"),
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": asset("theme/logo.svg")}],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "9px",
    "COLORS": COLOURS,
    "STYLES": [asset("theme/theme.css"), asset("charts/charts.css")],
    "ACCOUNT": {
        "navigation": [
            {"title": _("Change password"), "link": reverse_lazy("admin:password_change")},
            {"title": _("Two-step log-in"), "link": reverse_lazy("admin:second_factor")},
        ]
    },
    "SITE_VIEWS": [
        ("second-factor/", "second_factor", "apps.accounts.admin_second_factor.SecondFactorView"),
        ("dashboard/reach/", "dashboard_reach", "apps.campaigns.admin_dashboard.ReachView"),
        ("people/opt-in/", "opt_in", "apps.devices.admin_over_time.OptInView"),
        ("people/hygiene/", "device_hygiene", "apps.devices.admin_over_time.HygieneView"),
        ("sending-stop/", "sending_stop", "apps.deliveries.admin_stop.StopView"),
        ("deliveries/log/", "delivery_log", "apps.deliveries.admin_log.LogView"),
        ("deliveries/log/<str:delivery_id>/", "delivery_story", "apps.deliveries.admin_story.StoryView"),
    ],
    "DASHBOARD_CALLBACK": "apps.campaigns.admin_dashboard.dashboard",
    "LOGIN": {"image": asset("theme/login.svg")},
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": "config.sidebar.navigation"},
}
