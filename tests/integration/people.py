"""People at the real control plane: the tool as a process, with the rights that somebody was given."""

import os
import subprocess
import sys
from pathlib import Path

from tests.integration.audit import finished
from tests.integration.site import ROOT

from lockgate_sandbox.running import RunningWorld

SECONDS = 60
AGENT = "kubectl-lockgate/"


def programs(directory: Path) -> Path:
    """A directory with the two console scripts, as an installation has them."""
    for name, module in (("kubectl-lockgate", "main"), ("kubectl_complete-lockgate", "completion")):
        script = directory / name
        code = f"import sys; from lockgate.cli.{module} import main; sys.exit(main())"
        script.write_text(
            f"#!{sys.executable}\nimport sys; sys.path.insert(0, {str(ROOT / 'operator')!r})\n{code}\n"
        )
        script.chmod(0o755)
    return directory


class People:
    """Somebody at a terminal, in a namespace, with a kubeconfig of their own."""

    def __init__(self, world: RunningWorld, kubeconfig: Path, namespace: str, directory: Path) -> None:
        self.world = world
        self.namespace = namespace
        self.programs = directory
        self.environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "PATH": f"{directory}:{world.program('kubectl').parent}:{os.environ['PATH']}",
        }

    def type(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command of the tool, in the namespace."""
        return self.run(self.programs / "kubectl-lockgate", *words, "-n", self.namespace)

    def kubectl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command of kubectl, which looks for the tool in PATH."""
        return self.run(self.world.program("kubectl"), *words)

    def run(self, program: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """A program with all that it says."""
        return subprocess.run(
            [program, *words], env=self.environment, capture_output=True, text=True, timeout=SECONDS
        )

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """A command that goes on by itself."""
        return subprocess.Popen(
            [str(self.programs / "kubectl-lockgate"), *words, "-n", self.namespace],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def used(self, who: str) -> set[tuple[str, str, str]]:
        """Group, resource and verb of all that somebody's tool was granted."""
        return {
            (entry["objectRef"].get("apiGroup", ""), entry["objectRef"]["resource"], entry["verb"])
            for entry in finished(self.world, AGENT)
            if entry["user"]["username"] == who
            and entry["responseStatus"]["code"] < 400
            and entry["objectRef"]["resource"] != "selfsubjectreviews"
        }
