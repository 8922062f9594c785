"""Why `up` ends before the house stands."""


class Refused(Exception):
    """`up` cannot start, or a step failed; the text is for the person at the terminal."""
