"""What runs in the container: it calls one function with values of JSON, and answers with one.

It is a program of its own, put into the container, and imports nothing but Python's library, of version 3.8 or newer.
"""

from __future__ import annotations

import json
import sys
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ADVICE = "return values of JSON: numbers, text, true and false, lists, and dicts whose keys are text."


def main() -> int:
    """Run the request of one file, and write the answer into another; returns the code that the program ends with."""
    with open(sys.argv[1], encoding="utf-8") as given:  # noqa: PTH123 - pathlib costs time, and there is no other file
        request = json.load(given)
    answer = called(request)
    with open(sys.argv[2], "w", encoding="utf-8") as left:  # noqa: PTH123 - as above
        left.write(json.dumps(answer))
    return 0 if "value" in answer else 1


def called(request: dict[str, Any]) -> dict[str, Any]:
    """Call the function that a request holds; returns the answer."""
    try:
        names: dict[str, Any] = {"__name__": "penstock_task"}
        code = compile(request["text"], request["file"], "exec")
        exec(code, names)  # noqa: S102 - the author's own function
        value = names[request["name"]](*request["args"], **request["kwargs"])
        if hasattr(value, "__await__"):
            import asyncio  # noqa: PLC0415 - only an async function needs it

            value = asyncio.run(_awaited(value))
    except SystemExit as error:
        raise SystemExit(error.code) from None
    except BaseException as error:  # noqa: BLE001 - whatever the function raises is the answer
        traceback.print_exc()
        return {"kinds": [kind.__name__ for kind in type(error).__mro__], "error": str(error)}
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return {"unfit": " ".join([f"{error}:", _ADVICE])}
    return {"value": value}


async def _awaited(value: Any) -> Any:  # noqa: ANN401 - any value
    return await value


if __name__ == "__main__":
    sys.exit(main())
