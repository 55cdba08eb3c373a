"""How a function of a template says that it cannot work; the executor adds the place."""

from tampu.templates.go.values import Value, type_name


class FunctionError(Exception):
    """A function that cannot work with its arguments; the text is Go's."""


class NotAFunction(FunctionError):
    """`call` of a value; the executor knows how the value was written."""

    def __init__(self, value: Value) -> None:
        super().__init__(f"non-function of type {type_name(value)}")
        self.value = value
