"""Marketers' texts: checked at the door, compiled once a process, rendered for each person.

Pure: no database, no clock, no chance. The same body and facts always give the same content.
"""

from apps.deliveries.rendering.analysis import analyse
from apps.deliveries.rendering.body import CompiledBody, RenderFailed, compile_body
from apps.deliveries.rendering.display import display_warnings
from apps.deliveries.rendering.language import is_literal

__all__ = ["CompiledBody", "RenderFailed", "analyse", "compile_body", "display_warnings", "is_literal"]
