"""Jinja over the template fields of an operator: sandboxed, strict about names, and not imported without a template."""

import copy
import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.author.airflow.alias import CONTEXT_REMEDIES
from penstock.author.run.context import FILTERS, Context
from penstock.author.template_fields import EXTENSIONS, is_path, is_template, needs_rendering, syntax_fault
from penstock.errors import AuthoringError, as_sentence, did_you_mean
from penstock.model.names import map_key_of, well_formed

_LONGEST_FIELD, _LONGEST_FIELDS = 10_000, 60_000
"""Characters that are shown of one rendered field, and of all of a try."""

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    from penstock.author.operator import Operator


def render_templates(task: "Operator", context: Context) -> "Operator":
    """Copy the operator with its template fields rendered.

    A field is rendered through lists, tuples, sets and dicts (values, not keys); values of other tasks stay as they are, so
    that no task's output is read as a template. Text that ends with one of ``template_ext`` and holds no blank is the
    path of a file beside the DAG file, whose content is rendered.

    Raises:
        AuthoringError: A template is wrong or its file is missing; the message names the field.
    """
    made = _copied(task)
    made.__dict__.pop("_complete", None)  # a try changes its copy as it likes
    rendered: dict[str, Any] = {}
    for field in task.template_fields:
        if not hasattr(task, field):
            raise AuthoringError(f"{task}: template_fields names {field!r}, and there is no such attribute.")
        value = getattr(task, field)
        if needs_rendering(value, tuple(task.template_ext)):
            rendered[field] = _render(value, task, field, context)
            setattr(made, field, rendered[field])
    longest = min(_LONGEST_FIELD, _LONGEST_FIELDS // max(1, len(rendered)))
    context.rendered = {field: as_shown(value, longest) for field, value in rendered.items()}
    return made


def _copied(task: "Operator") -> "Operator":
    """A copy that a try changes as it likes, made without the machinery of pickling, which costs each fork 30 pages."""
    kind = type(task)
    if hasattr(kind, "__copy__") or kind.__reduce_ex__ is not object.__reduce_ex__ or hasattr(kind, "__slots__"):
        return copy.copy(task)
    made = object.__new__(kind)
    made.__dict__.update(task.__dict__)
    return made


def as_shown(value: Any, longest: int = _LONGEST_FIELD) -> str:  # noqa: ANN401 - any argument
    """A rendered field as people look at it."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception:  # noqa: BLE001 - what holds the text is the author's, whose own text may raise
        text = f"a {type(value).__name__}"
    return well_formed(text if len(text) <= longest else f"{text[: longest - 3]}...")


def render_value(context: Context, value: Any, task: "Operator") -> Any:  # noqa: ANN401 - any value
    """Render the templates in a value that is in no field of the task.

    Raises:
        AuthoringError: A template is wrong.
    """
    return _render(value, task, "render_template", context)


def render_text(text: str, task: "Operator", field: str, context: Context) -> str:
    """Render one text.

    Raises:
        AuthoringError: The template is wrong; the message names the field.
    """
    return str(_render(text, task, field, context))


def render_map_key(template: str, task: "Operator", context: Context) -> str:
    """Render the key of a mapped instance: one line without what cannot be printed.

    Raises:
        AuthoringError: The template is wrong.
    """
    text = str(_text(template, task, "map_index_template", context)) if is_template(template) else template
    return map_key_of(text)


def _render(value: Any, task: "Operator", field: str, context: Context) -> Any:  # noqa: ANN401 - any argument
    if isinstance(value, str):
        text = _read_file(value, task, field) if is_path(value, tuple(task.template_ext)) else value
        return _text(text, task, field, context) if is_template(text) else text
    if isinstance(value, dict):
        return {key: _render(each, task, field, context) for key, each in value.items()}
    if isinstance(value, list):
        return [_render(each, task, field, context) for each in value]
    if isinstance(value, tuple):
        parts = [_render(each, task, field, context) for each in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, set | frozenset):
        parts = [_render(each, task, field, context) for each in value]
        return frozenset(parts) if isinstance(value, frozenset) else set(parts)
    return value


def _text(text: str, task: "Operator", field: str, context: Context) -> Any:  # noqa: ANN401 - text, or a value if the DAG says so
    from jinja2 import TemplateError, TemplateSyntaxError, UndefinedError  # noqa: PLC0415 - 300 ms, only if needed

    environment = _environment(tuple(map(str, search_folders(task))), native=context.facts.native_templates)
    if task.dag is not None and task.dag.user_defined_filters:
        environment = environment.overlay()
        environment.filters = {**environment.filters, **task.dag.user_defined_filters}
    try:
        template = environment.from_string(text)
        names = _Names(context, environment.globals)
        return environment.concat(template.root_render_func(template.new_context(names, shared=True)))
    except UndefinedError as error:
        raise AuthoringError(f"{task}: template field {field!r}: {_undefined(str(error), text, context)}") from None
    except TemplateSyntaxError as error:
        raise AuthoringError(f"{task}: template field {field!r}, {syntax_fault(error)}") from None
    except TemplateError as error:
        raise AuthoringError(f"{task}: template field {field!r}: {as_sentence(error)}") from None
    except Exception as error:
        error.add_note(f"in template field {field!r} of {task}")
        raise


class _Names(dict[str, Any]):
    """What Jinja looks names up in: the context, worked out on demand, then Jinja's own functions."""

    def __init__(self, context: Context, functions: Any) -> None:  # noqa: ANN401 - a mapping of Jinja's
        super().__init__(functions)
        self._context = context

    def __contains__(self, name: object) -> bool:
        return name in self._context or super().__contains__(name)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - any value
        return self._context[name] if name in self._context else super().__getitem__(name)


@functools.lru_cache(maxsize=8)
def _environment(search: tuple[str, ...], *, native: bool) -> "ImmutableSandboxedEnvironment":
    from jinja2 import FileSystemLoader, StrictUndefined  # noqa: PLC0415 - 300 ms, only if there is a template
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415 - as above

    kind = _native(ImmutableSandboxedEnvironment) if native else ImmutableSandboxedEnvironment
    environment = kind(
        undefined=StrictUndefined,
        loader=FileSystemLoader(search),
        keep_trailing_newline=True,
        extensions=EXTENSIONS,
    )
    environment.filters |= FILTERS
    return environment


def _native(sandbox: "type[ImmutableSandboxedEnvironment]") -> "type[ImmutableSandboxedEnvironment]":
    """Make the kind of sandbox whose templates give values: what a single expression comes to, or what the text is as a literal."""
    from jinja2.nativetypes import NativeCodeGenerator, native_concat  # noqa: PLC0415 - only a DAG that asks needs it

    members = {"code_generator_class": NativeCodeGenerator, "concat": staticmethod(native_concat)}
    return type("NativeSandbox", (sandbox,), members)


def search_folders(task: "Operator") -> list[Path]:
    """List where template files of a task are looked for: beside the DAG file, then the DAG's own search path."""
    dag = task.dag
    if dag is None:
        return []
    home = Path(dag.path).parent
    return [home, *(home / folder for folder in dag.template_searchpath)]


def _read_file(path: str, task: "Operator", field: str) -> str:
    folders = search_folders(task)
    for folder in folders:
        file = folder / path
        if file.is_file():
            return file.read_text(encoding="utf-8")
    where = " or ".join(str(folder) for folder in folders) or "any folder, for the task belongs to no DAG file"
    raise AuthoringError(
        f"{task}: template field {field!r} names the file {path!r}, which is not in {where}. "
        "Paths are relative to the DAG file; end the text with a blank if it is no file."
    )


def _undefined(message: str, text: str, context: Context) -> str:
    if attribute := re.search(r" has no attribute '(\w+)'$", message):
        place = re.search(rf"[\w.]+\.{attribute[1]}\b", text)
        return f"there is no {place[0] if place else attribute[1]}."
    name = re.match(r"'(\w+)' is undefined", message)
    if name is None:
        return as_sentence(message)
    advice = CONTEXT_REMEDIES.get(name[1]) or did_you_mean(name[1], context.available())
    return f"the name {name[1]!r} does not exist. {advice}".rstrip()
