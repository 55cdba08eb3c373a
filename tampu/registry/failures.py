"""What went wrong where several tasks did one thing together."""


def first_failure(failures: ExceptionGroup[Exception]) -> Exception:
    """The first failure in a group of groups; the others came of it."""
    inner = failures.exceptions[0]
    return first_failure(inner) if isinstance(inner, ExceptionGroup) else inner
