"""What `make wheel`, or whoever builds one from git, adds to a wheel: manuals and completions."""

import os
import subprocess
import sys
import tempfile

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class SharedFiles(BuildHookInterface):
    """Makes what belongs in share/ and has it put there."""

    def initialize(self, version, build_data):
        self.folder = tempfile.mkdtemp()
        env = {**os.environ, "PYTHONPATH": os.path.join(self.root, "lib")}
        command = [sys.executable, "-P", "-m", "plainmind.cli.manual", "--install", self.folder]
        subprocess.run(command, env=env, check=True)
        build_data["shared_data"][self.folder] = "share"

    def finalize(self, version, build_data, artifact_path):
        import shutil

        shutil.rmtree(self.folder)
