"""What behaviours mean on the wire, the same for every gateway; vendors add their own errors."""

from collections.abc import Callable, Mapping

from apps.sandbox.fates import Behaviour
from apps.sandbox.wire.exchange import Answer, Effect
from apps.sandbox.world import Instruction

_HTML = b"<!DOCTYPE html>\n<html><title>Error 502 (Server Error)</title><p>The server met a temporary error.</html>\n"


def perform(
    instruction: Instruction, deliver: Callable[[], Answer], refusals: Mapping[Behaviour, Callable[[], Answer]]
) -> Answer:
    """Deliver, refuse or break, as told. deliver: records the message and returns the vendor's yes."""
    behaviour = instruction.behaviour
    if behaviour is Behaviour.OK:
        return deliver()
    refusal = refusals.get(behaviour)
    if refusal is not None:
        return _with_retry_after(refusal(), instruction)
    return _broken(instruction, deliver)


def _broken(instruction: Instruction, deliver: Callable[[], Answer]) -> Answer:
    match instruction.behaviour:
        case Behaviour.SLOW:
            answer = deliver()
            answer.delay_seconds = instruction.delay_seconds
            return answer
        case Behaviour.NEVER:
            return _never(instruction)
        case Behaviour.RESET:
            return Answer(effect=Effect.RESET)
        case Behaviour.GOAWAY:
            return Answer(effect=Effect.GOAWAY, body=b'{"reason":"Shutdown"}')
        case Behaviour.DROP_AFTER_ACCEPT:
            deliver()
            return Answer(effect=Effect.CUT)
        case Behaviour.DROP_BEFORE_HEADERS:
            return Answer(effect=Effect.CUT)
        case Behaviour.DROP_AFTER_HEADERS:
            answer = deliver()
            answer.effect = Effect.CUT_AFTER_HEADERS
            return answer
        case Behaviour.HTML_ERROR:
            return _with_retry_after(Answer(502, [("content-type", "text/html; charset=UTF-8")], _HTML), instruction)
        case Behaviour.EMPTY_ERROR:
            status = instruction.script.status if instruction.script else None
            return _with_retry_after(Answer(status or 400), instruction)
        case Behaviour.ANSWER:
            return _scripted(instruction)
        case _:
            return deliver()


def _never(instruction: Instruction) -> Answer:
    """Silence; where the script says for how long, the connection is cut then."""
    seconds = instruction.script.seconds if instruction.script else None
    if seconds is None:
        return Answer(effect=Effect.SILENCE)
    return Answer(effect=Effect.CUT, delay_seconds=seconds)


def _scripted(instruction: Instruction) -> Answer:
    script = instruction.script
    if script is None:
        return Answer()
    headers = list(script.headers.items()) or [("content-type", "application/json")]
    return _with_retry_after(Answer(script.status or 200, headers, script.body), instruction)


def _with_retry_after(answer: Answer, instruction: Instruction) -> Answer:
    if instruction.retry_after:
        answer.headers.append(("retry-after", instruction.retry_after))
    return answer
