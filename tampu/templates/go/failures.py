"""How a function of a template says that it cannot work; the executor adds the place."""


class FunctionError(Exception):
    """A function that cannot work with its arguments; the text is Go's."""


class NotAFunction(FunctionError):
    """`call` of a value; the executor knows how the value was written."""

    def __init__(self, of_type: str) -> None:
        super().__init__(f"non-function of type {of_type}")
        self.of_type = of_type
