"""What an error that nobody foresaw is called on screens."""


def error_words(error: BaseException) -> str:
    """The first line alone: the others of a database's message quote rows."""
    line = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {line}"[:200]
