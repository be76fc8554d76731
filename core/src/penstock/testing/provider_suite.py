"""One suite for every provider, ours and others': is it what its manifest says, light to import, and easy to remove?

A provider's author writes three lines::

    from penstock.testing.provider_suite import ProviderSuite

    class TestAcme(ProviderSuite):
        provider_id = "acme"

or runs, with pytest installed beside the provider::

    python -m penstock.testing.provider_suite acme
"""

import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import ClassVar

from penstock.errors import PluginError
from penstock.testing import provider_checks as checks
from penstock.testing import provider_code as code
from penstock.testing import provider_imports as imports


class ProviderSuite:
    """Tests of an installed provider; subclass it and name the provider. Each reports all that it found at once."""

    provider_id: ClassVar[str] = ""

    @classmethod
    def subject(cls) -> checks.Subject:
        """The provider."""
        return _subject(cls.provider_id)

    def test_the_manifest_has_no_problem(self) -> None:
        """Unknown keys, which the runtime forgives, are problems here."""
        _none(self.subject().problems)

    def test_every_object_of_the_manifest_is_there_and_of_its_kind(self) -> None:
        """All that the manifest names can be imported."""
        _none(checks.object_problems(self.subject()))

    def test_the_parameters_of_the_manifest_are_those_of_the_code(self) -> None:
        """Names, required ones and defaults are equal."""
        _none(checks.parameter_problems(self.subject()))

    def test_the_types_of_the_manifest_are_those_of_the_code(self) -> None:
        """What the code takes, a DAG that names the capability by its id may give."""
        _none(code.type_problems(self.subject()))

    def test_the_fields_of_connections_are_those_of_the_code(self) -> None:
        """Forms, validation and masking read the manifest's, the hook reads the code's."""
        _none(code.field_problems(self.subject()))

    def test_importing_it_imports_no_foreign_package_and_reaches_out_to_nothing(self) -> None:
        """SDKs are imported on first use: a DAG file that names an operator does not pay for them, nor waits for a service."""
        _none(imports.import_problems(self.subject()))

    def test_importing_one_capability_takes_little_time(self) -> None:
        """Each module of a capability is imported within 300 ms of processor time above the core."""
        _none(imports.cost_problems(self.subject()))

    def test_it_declares_what_it_imports(self) -> None:
        """In an environment with its declared dependencies alone, no import fails."""
        _none(imports.dependency_problems(self.subject()))

    def test_everything_is_documented(self) -> None:
        """Docstrings begin with a sentence and describe every argument."""
        _none(checks.document_problems(self.subject()))

    def test_every_hook_can_test_its_connection(self) -> None:
        """Hooks open nothing when they are made, and can test whether their connection works."""
        _none(checks.hook_problems(self.subject()))

    def test_every_task_does_its_work_with_the_arguments_of_all_tasks(self) -> None:
        """Operators execute, sensors poke, and both take what every task takes."""
        _none(code.task_problems(self.subject()))

    def test_stores_and_executors_take_the_calls_of_their_specs(self) -> None:
        """Their methods take the calls of the protocol, and answer in its shapes."""
        _none(code.protocol_problems(self.subject()))

    def test_an_unknown_argument_is_refused(self) -> None:
        """A typing error in a DAG file is an error, not an argument that nobody reads."""
        _none(checks.argument_problems(self.subject()))

    def test_uninstalling_it_leaves_nothing_behind(self) -> None:
        """All that it installs lies in its own packages."""
        _none(checks.file_problems(self.subject()))

    def test_its_modules_keep_the_room_plan(self) -> None:
        """Imports go down, the core is seen through its doors alone, siblings not at all."""
        _none(checks.room_problems(self.subject()))


@cache
def _subject(provider_id: str) -> checks.Subject:
    return checks.Subject(provider_id)


def _none(problems: list[str] | tuple[str, ...]) -> None:
    if problems:
        raise AssertionError("\n".join(problems))


_SUBCLASS = """
from penstock.testing.provider_suite import ProviderSuite

class TestProvider(ProviderSuite):
    provider_id = {!r}
"""


def main(arguments: list[str]) -> int:
    """Run the suite on one provider with pytest; returns pytest's exit code, 2 for a wrong call or a provider that is not there."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m penstock.testing.provider_suite PROVIDER\n")
        return 2
    try:
        import pytest  # noqa: PLC0415 - a tool of the author's, no dependency of the core
    except ModuleNotFoundError:
        sys.stderr.write("pytest is needed: pip install pytest\n")
        return 2
    try:
        _subject(arguments[0])
    except PluginError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "test_provider.py")
        file.write_text(_SUBCLASS.format(arguments[0]), encoding="utf-8")
        return int(pytest.main(["-q", "-p", "no:cacheprovider", str(file)]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
