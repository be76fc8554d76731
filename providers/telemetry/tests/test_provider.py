"""The provider from outside."""

import re
import tomllib
from pathlib import Path

from penstock.testing.provider_suite import ProviderSuite


class TestTelemetry(ProviderSuite):
    provider_id = "telemetry"

    def test_the_settings_of_the_readme_are_the_parameters_with_their_defaults(self):
        text = (Path(__file__).parents[1] / "README.md").read_text()
        tables = [tomllib.loads(each)["metrics"] for each in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)]
        shown = {table.pop("type"): table for each in tables for table in each.values()}
        sinks = self.subject().manifest.capabilities
        assert shown == {sink.id: {each.name: each.default for each in sink.parameters} for sink in sinks}
