"""Functions of the author that may be ``async``."""

from typing import Any


def completed(value: Any) -> Any:  # noqa: ANN401 - the function's value
    """Return the value itself, or what a coroutine returns."""
    if not hasattr(value, "__await__"):
        return value
    import asyncio  # noqa: PLC0415 - 120 ms that only an async task needs to spend

    async def awaited() -> Any:  # noqa: ANN401 - the function's value
        return await value

    return asyncio.run(awaited())
