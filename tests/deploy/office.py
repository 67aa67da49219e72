"""A small office without an identity provider: the two programs of docs/deployment.md, as they stand there."""

import re
import subprocess
import sys
from pathlib import Path

from rozana.grievances.keys import make_keys
from tests.deploy.tools import ROOT

_BLOCKS = re.findall(r"```python\n# (\w+\.py)\b(.*?)```", (ROOT / "docs" / "deployment.md").read_text(), re.DOTALL)


class SmallOffice:
    """Keeps its programs and its key in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.jwks = folder / "deploy" / "secrets" / "jwks.json"
        self.jwks.parent.mkdir(parents=True)
        for name, text in _BLOCKS:
            (folder / name).write_text(f"#{text}")
        self.run("make_key.py")
        self.grievance_keys = self.jwks.with_name("grievance-keys.json")
        make_keys(folder / "aicc", self.grievance_keys, 1, retire=False)

    def token(self, *arguments: str) -> str:
        return self.run("make_token.py", *arguments).strip()

    def run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, program, *arguments], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
