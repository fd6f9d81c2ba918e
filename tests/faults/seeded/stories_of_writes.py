"""What has gone wrong around rollouts of others, as bugs of ours: what is written, by whom, for whom.

Whoever is told of every write finds each of them, in one of the lives; these are not described here.
"""

from tests.faults.seeded.bug import Bug, Seed
from tests.faults.seeded.bugs import KNOWN

TEMPLATE = "lockgate/backends/deployment/template.py"
RENDER = "lockgate/backends/deployment/render.py"

WRITES: tuple[Seed, ...] = (
    Seed(
        3,
        Bug(
            "what sends requests is written before what they are sent to",
            "lockgate/apply/order.py",
            "sorted(known, key=turn_of)",
            "sorted(known, key=turn_of, reverse=True)",
        ),
        "which is not there",
    ),
    Seed(
        8,
        Bug(
            "what served before is what is wanted",
            "lockgate/plan/planner.py",
            "    revision = target.revision\n    if revision.is_same(state.candidate):",
            "    revision = deployment.status.previous or target.revision\n"
            "    if revision.is_same(state.candidate):",
        ),
        "a_candidate_is_what_was_asked_for_since_stable_is",
    ),
    Seed(
        9,
        Bug(
            "a write does not say what it was planned upon",
            "lockgate/apply/objects.py",
            'preconditions = {name: seen["metadata"][name] for name in ("uid", "resourceVersion")}',
            'preconditions = {"uid": seen["metadata"]["uid"]}',
        ),
        "a_workload_is_given_only_what_is_wanted_or_serves",
        at=3,
    ),
    Seed(
        10,
        KNOWN["a pin is not followed"],
        "no_version_is_rolled_out_that_nobody_asked_for",
        at=1,
    ),
    Seed(
        10,
        KNOWN["suspend is not heeded"],
        "a_suspended_workload_keeps_its_version",
        at=2,
    ),
    Seed(
        11,
        Bug(
            "what runs is drawn anew from what the operator is today",
            "lockgate/backends/deployment/templates.py",
            "begins = not (release.is_same(",
            "begins = True or not (release.is_same(",
        ),
        "the_pods_of_a_release_stay_as_they_were",
        at=2,
    ),
    Seed(
        11,
        Bug(
            "another name of a version makes another release of it",
            "lockgate/domain/release.py",
            '"model": [revision.source, revision.uri, revision.digest],',
            '"model": [revision.source, revision.uri, revision.digest, revision.alias],',
        ),
        "the same version by another name",
        at=1,
    ),
    Seed(
        12,
        Bug(
            "the server is given the registry's key",
            TEMPLATE,
            '"volumeMounts": [{"name": "model", "mountPath": MODEL_MOUNT_PATH, "readOnly": True}, _SCRATCH],',
            '"volumeMounts": [{"name": "model", "mountPath": MODEL_MOUNT_PATH, "readOnly": True}, _SCRATCH,\n'
            '            {"name": "registry-key", "mountPath": SECRET_DIRECTORY, "readOnly": True}],',
        ),
        "no_server_gets_a_key",
    ),
    Seed(
        12,
        Bug(
            "the key is in the environment of the fetch",
            TEMPLATE,
            '        container["env"] = [{"name": name, "value": value} for name, value in pods.proxy]\n'
            "    return container\n",
            '        container["env"] = [{"name": name, "value": value} for name, value in pods.proxy]\n'
            '    key = {"name": source.secret_name, "key": source.secret_key}\n'
            '    return container | {"env": [{"name": "KEY", "valueFrom": {"secretKeyRef": key}}]}\n',
        ),
        "no_server_gets_a_key",
    ),
    Seed(
        14,
        Bug(
            "a status does not say what it was computed upon",
            "lockgate/report/writer.py",
            '                "resourceVersion": deployment.resource_version,\n',
            "",
        ),
        "history_grows_at_its_head_only",
        at=3,
    ),
    Seed(
        15,
        Bug(
            "children are nobody's",
            "lockgate/backends/deployment/marks.py",
            '        "controller": True,\n',
            '        "controller": False,\n',
        ),
        "children_belong_to_a_resource_that_was_there",
    ),
    Seed(
        15,
        Bug(
            "children wait for the operator before they go",
            RENDER,
            '    metadata["namespace"] = deployment.namespace\n',
            '    metadata["namespace"] = deployment.namespace\n'
            '    metadata["finalizers"] = ["lockgate.dev/tidy"]\n',
        ),
        "nothing_of_ours_holds_up_a_deletion",
    ),
    Seed(
        16,
        Bug(
            "children are made in another namespace",
            RENDER,
            '    metadata["namespace"] = deployment.namespace\n',
            '    metadata["namespace"] = "default"\n',
        ),
        "children_live_where_their_owner_does",
    ),
    Seed(
        16,
        Bug(
            "pods act as a service account that an author can name",
            TEMPLATE,
            '        "automountServiceAccountToken": False,\n',
            '        "automountServiceAccountToken": True,\n        "serviceAccountName": deployment.name,\n',
        ),
        "pods_are_nobody_in_the_cluster",
    ),
    Seed(
        17,
        Bug(
            "the candidate of a rollout that has ended is told on",
            "lockgate/report/compute.py",
            "        candidate=state.candidate,\n",
            "        candidate=state.candidate or previous.candidate,\n",
        ),
        "a_status_names_the_candidate_that_rolls_out",
    ),
)
