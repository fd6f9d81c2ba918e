"""What the help says of each verb: one line, what it does, and examples. Words only."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Help:
    """The help of a verb; examples are command lines without the program's name, each with what it is for."""

    summary: str
    description: str
    examples: tuple[str, ...]

    @property
    def epilog(self) -> str:
        """The examples as they are shown."""
        return "examples:\n" + "".join(f"  kubectl lockgate {example}\n" for example in self.examples)


EPILOG: Final = """\
examples:
  kubectl lockgate get                              what serves in this namespace, and why not
  kubectl lockgate watch churn                      a rollout down to its pods, live
  kubectl lockgate plan churn                       what would roll out now, and through which steps
  kubectl lockgate approve churn 3fa9c1d2           let this release go on
  kubectl lockgate abort churn --reason "latency"   back to what served, and stay there
  kubectl lockgate rollback churn                   serve the version that served before
  kubectl lockgate unpin churn                      follow the alias again

exit codes: 0 done or accepted, 1 refused or wrongly asked, 2 nobody answered in time
"""

VERBS: Final = {
    "get": Help(
        "one line for each ModelDeployment",
        "Show what each ModelDeployment follows, what serves, what is rolled out and why it waits.",
        ("get", "get -A -o wide", "get churn -o yaml", "get -o name | xargs -n1 kubectl describe"),
    ),
    "watch": Help(
        "rollouts as live trees, down to their pods",
        "Follow ModelDeployments until Ctrl-C: releases, workloads and pods, the traffic that each gets, "
        "and why it waits. Those at rest take a line each, unless one is named. In a pipe there is a line "
        "for each change, and with -o json an object.",
        ("watch churn", "watch -A", "watch churn --once", "watch -o json | jq -c .object.status.phase"),
    ),
    "history": Help(
        "the rollouts of one, and how they ended",
        "Show the finished rollouts of one ModelDeployment, newest first, with the one that is under way.",
        ("history churn", "history churn -o json | jq '.[0]'"),
    ),
    "plan": Help(
        "what would roll out now, and through which steps and gates",
        "Show what would roll out if everything were acted on now, what is in the way, and the steps and "
        "gates that it would go through. Nothing is changed.",
        ("plan churn", "plan churn -o json | jq .steps"),
    ),
    "approve": Help(
        "let a release go on where it waits for an approval",
        "Approve one release of the candidate. An approval is for that release alone: another version, or "
        "the same one with another runtime, has to be approved anew. Without RELEASE the candidate that is "
        "there now is meant.",
        ("approve churn", 'approve churn 3fa9c1d2 --reason "offline metrics are better, see CHURN-12"'),
    ),
    "promote": Help(
        "skip what pauses, approvals and analyses are left",
        "Promote the candidate now: its remaining pauses, approvals and analyses are skipped. That its pods "
        "are available, have proved their files and are routed to is never skipped.",
        ('promote churn --reason "a fix that cannot wait"',),
    ),
    "abort": Help(
        "go back to what served, and stay there",
        "Abort the candidate: what served before gets all the traffic, and this release is not tried again "
        "by itself.",
        ('abort churn --reason "answers are twice as slow"',),
    ),
    "retry": Help(
        "try a version again that was aborted",
        "Try a version again that was aborted, as if it were new; one that is held because it failed "
        "(spec.onFailure: Freeze) goes on in its step, and a service that refused one is asked again "
        "(spec.gates.webhook).",
        ('retry churn --reason "the feature store is back"',),
    ),
    "pin": Help(
        "fix a version; the alias is not followed meanwhile",
        "Fix a version by hand (spec.pin). It is rolled out like any other, and stays until it is unpinned "
        "or its time is over.",
        (
            'pin churn v12 --reason "v13 is being looked into"',
            'pin churn v12 --reason "load test" --until 4h',
        ),
    ),
    "rollback": Help(
        "pin a version that served before",
        "Serve again what served before, by default the version before the present one. It is pinned, so "
        "that the alias does not lead back at once; versions that never served are refused. A pin fixes "
        "the version: runtime and resources are those of today.",
        ("rollback churn", "rollback churn v10", "rollback churn 8f14e45f --dry-run"),
    ),
    "unpin": Help(
        "follow the alias again",
        "Take the pin out of the spec: the alias is followed again.",
        ("unpin churn",),
    ),
    "pause": Help(
        "change nothing until resumed",
        "Set spec.suspend: what serves goes on serving, all else stands still.",
        ("pause churn",),
    ),
    "resume": Help(
        "go on after a pause",
        "Take spec.suspend back: what stood still goes on.",
        ("resume churn",),
    ),
    "completion": Help(
        "print a script that completes verbs and names",
        "Print a script for a shell that completes kubectl-lockgate. For kubectl lockgate nothing is needed "
        "but kubectl's own completion: it asks kubectl_complete-lockgate, which is installed beside this "
        "program.",
        ("completion bash > ~/.local/share/bash-completion/completions/kubectl-lockgate",),
    ),
}
