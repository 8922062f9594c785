"""When most of a call's tokens are refused at once, it is not the tokens.

A mixed-up environment, bundle id or project makes a vendor call every token bad. Believing it would retire an app's
whole device base, so the codes that can mean either are turned into CONFIG_BAD where they are the rule.
"""

from collections.abc import Sequence, Set

from apps.gateways.contract import SendResult, Verdict

LEAST_COUNT = 10
LEAST_SHARE = 0.5


def spare_tokens(results: Sequence[SendResult], suspect_codes: Set[str], explanation: str) -> list[SendResult]:
    """The results, with TOKEN_DEAD of `suspect_codes` made CONFIG_BAD if they are LEAST_COUNT and LEAST_SHARE."""
    suspects = sum(_is_suspect(result, suspect_codes) for result in results)
    if suspects < LEAST_COUNT or suspects < LEAST_SHARE * len(results):
        return list(results)
    detail = f"{suspects} of {len(results)} tokens refused at once: {explanation}"
    return [
        result._replace(verdict=Verdict.CONFIG_BAD, detail=detail) if _is_suspect(result, suspect_codes) else result
        for result in results
    ]


def _is_suspect(result: SendResult, suspect_codes: Set[str]) -> bool:
    return result.verdict is Verdict.TOKEN_DEAD and result.vendor_code in suspect_codes
