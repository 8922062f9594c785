"""Offline checks of pasted credentials: every mistake at once, each under its own name, no secret ever repeated.

A check returns the problems it found, none = nothing to complain about. Whether the vendor takes the credentials only
a real call can tell. Pointers name the fields of the vendor's credentials in `contract.py`.
"""

from apps.gateways.preflight.apns import check_apns
from apps.gateways.preflight.fcm import check_fcm, parse_service_account
from apps.gateways.preflight.twilio import check_twilio
from apps.gateways.preflight.vapid import check_vapid

__all__ = ["check_apns", "check_fcm", "check_twilio", "check_vapid", "parse_service_account"]
