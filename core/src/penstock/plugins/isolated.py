"""Which providers live in environments of their own."""

from pathlib import Path

import msgspec

from penstock.decoders import decode_json
from penstock.errors import ConfigError, as_sentence


def isolated_pythons(file: Path) -> dict[str, str]:
    """Python executable of each provider that lives in an environment of its own, by provider id.

    Args:
        file: What ``plugin-manager isolate`` writes; its form is in ``docs/reference/isolated-providers.md``.

    Raises:
        ConfigError: The file cannot be read.
    """
    try:
        return decode_json(file.read_bytes(), dict[str, str])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(f"{file}: {as_sentence(error)} Run `plugin-manager doctor --fix`.") from None
