"""What the server allows us: its SETTINGS, checked and kept. Source: RFC 9113, section 6.5.2."""

from dataclasses import dataclass

from apps.gateways.lean.frames import (
    DEFAULT_FRAME_BYTES,
    DEFAULT_WINDOW,
    LARGEST_FRAME_BYTES,
    LARGEST_WINDOW,
    BrokenRule,
    Code,
    Setting,
)


@dataclass(slots=True)
class Allowance:
    """max_streams: None = as many as we like. window: of a new stream. frame_bytes: of one frame's payload."""

    max_streams: int | None = None
    window: int = DEFAULT_WINDOW
    frame_bytes: int = DEFAULT_FRAME_BYTES

    def change(self, name: int, value: int) -> None:
        """Raises BrokenRule. Unknown names are ignored; HEADER_TABLE_SIZE is for `RequestHeaders`."""
        match name:
            case Setting.MAX_CONCURRENT_STREAMS:
                self.max_streams = value
            case Setting.INITIAL_WINDOW_SIZE:
                if value > LARGEST_WINDOW:
                    raise BrokenRule(Code.FLOW_CONTROL_ERROR, "an impossible window")
                self.window = value
            case Setting.MAX_FRAME_SIZE:
                if not DEFAULT_FRAME_BYTES <= value <= LARGEST_FRAME_BYTES:
                    raise BrokenRule(Code.PROTOCOL_ERROR, "an impossible frame size")
                self.frame_bytes = value
            case Setting.ENABLE_PUSH if value > 1:
                raise BrokenRule(Code.PROTOCOL_ERROR, "an impossible ENABLE_PUSH")
