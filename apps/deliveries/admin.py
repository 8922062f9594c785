"""The staff's door to the engine: what it shows on the page of a person. Its own pages are in admin_log."""

from apps.customers.admin_panels import register
from apps.deliveries.admin_panel import PANEL

register(PANEL)
