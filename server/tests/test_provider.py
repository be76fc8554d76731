"""The server from outside: a provider as any other, but for the rooms of its package and what it sees of the core."""

import subprocess
import sys

from penstock.testing.provider_suite import ProviderSuite


class TestServer(ProviderSuite):
    provider_id = "server"

    def test_its_modules_keep_the_room_plan(self):
        """Its rooms are its own: the import contracts of the workspace hold them."""

    def test_importing_it_imports_no_foreign_package_and_reaches_out_to_nothing(self):
        """The web framework comes with its rooms: what the manifest names is light, as a command that serves nothing should be."""
        modules = {each.object.partition(":")[0] for each in self.subject().manifest.capabilities}
        code = (
            f"import sys, {', '.join(sorted(modules))}; print({{'anyio', 'starlette', 'uvicorn'}} & set(sys.modules))"
        )
        done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout == "set()\n"
