"""The check of an argument: it raises where the argument was written, and names it."""

import math


def check(
    name: str,
    value: object,
    *kinds: type,
    lowest: float = -math.inf,
    highest: float = math.inf,
) -> None:
    """Raise unless a value has one of the types, and a number is within its limits.

    Args:
        name: What the caller calls the value.
        value: The value; a bool is refused, though it is an int.
        kinds: The types that it may have.
        lowest: The least that a number may be.
        highest: The most that a number may be.

    Raises:
        TypeError: The value has another type.
        ValueError: The number is out of its range.
    """
    if isinstance(value, bool) or not isinstance(value, kinds):
        names = [kind.__name__.removesuffix("Type") for kind in kinds]  # None, too
        raise TypeError(f"{name} must be {' or '.join(names)}, not {value!r}")

    if isinstance(value, (int, float)) and not lowest <= value <= highest:
        allowed = f"from {lowest} to {highest}"
        if highest == math.inf:
            allowed = f"{lowest} or more"

        raise ValueError(f"{name} must be {allowed}, not {value}")
