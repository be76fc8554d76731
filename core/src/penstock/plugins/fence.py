"""The fence around a provider: whatever its code does on import, the host gets a value or one clear error."""

import importlib
from typing import Any

from penstock.errors import PluginError, TaskSignal, as_sentence
from penstock.model.names import error_sentence


def import_object(
    provider_id: str, path: str, needed_for: str, extra: str = "", *, of_project: bool = False, elsewhere: bool = False
) -> Any:  # noqa: ANN401 - any object
    """Import ``module`` or ``module:attribute`` of a provider.

    Everything that the import raises, `SystemExit` included, becomes a `penstock.errors.PluginError` with the
    original as its cause; only an interruption, by a person or by the end of a try's time, passes through.

    Args:
        provider_id: Whose code it is, for the message.
        path: What to import.
        needed_for: What it is imported for, for the message.
        extra: The extra that it needs; an import that fails names it.
        of_project: Whether it is a module of the project, which the reader can mend and no provider's author.
        elsewhere: Whether the provider is isolated, so that only a process of its own environment can import it.

    Raises:
        penstock.errors.PluginError: It cannot be imported.
    """
    module, _, attribute = path.partition(":")
    try:
        target = importlib.import_module(module)
        for name in attribute.split(".") if attribute else ():
            target = getattr(target, name)
    except (KeyboardInterrupt, TaskSignal):
        raise
    except ModuleNotFoundError as error:
        wanted = f"{provider_id}[{extra}]" if extra else provider_id
        problem = f"failed: the module {error.name!r} is not installed"
        own = "Correct its name, put it beside penstock.toml, or install what has it"
        remedy = own if of_project else f"Repair it with: plugin-manager install {wanted}"
        if elsewhere and (error.name or "").partition(".")[0] == module.partition(".")[0]:
            remedy = "It is isolated: its tasks run in its own environment, as `penstock up` runs them, and not in this process"
        cause: BaseException = error
    except BaseException as error:  # noqa: BLE001 - the fence: foreign code may raise anything, SystemExit too
        problem = f"raised {error_sentence(error)}"
        remedy = "Correct the module" if of_project else "Report it to the provider's author"
        remedy += "; the rest of this installation is not affected"
        cause = error
    else:
        return target
    owner = "this project" if of_project else f"the provider {provider_id!r}"
    raise PluginError(f"{needed_for}: importing {path!r} of {owner} {as_sentence(problem)} {remedy}") from cause
