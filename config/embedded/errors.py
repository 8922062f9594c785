"""What the embedded servers may refuse with."""


class Unusable(Exception):
    """The embedded servers cannot run here; the text is one line that says what to do."""
