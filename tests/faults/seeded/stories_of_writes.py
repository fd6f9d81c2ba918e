"""What has gone wrong around rollouts of others, as bugs of ours: what is written, by whom, for whom."""

from tests.faults.seeded.bug import Bug

TEMPLATE = "lockgate/backends/deployment/template.py"
RENDER = "lockgate/backends/deployment/render.py"

BUGS: tuple[tuple[int, Bug], ...] = (
    (
        3,
        Bug(
            "what sends requests is written before what they are sent to",
            "lockgate/apply/order.py",
            "sorted(known, key=turn_of)",
            "sorted(known, key=turn_of, reverse=True)",
        ),
    ),
    (
        8,
        Bug(
            "what served before is what is wanted",
            "lockgate/plan/planner.py",
            "    revision = target.revision\n    if revision.is_same(state.candidate):",
            "    revision = deployment.status.previous or target.revision\n"
            "    if revision.is_same(state.candidate):",
        ),
    ),
    (
        9,
        Bug(
            "a write does not say what it was planned upon",
            "lockgate/apply/objects.py",
            'preconditions = {name: seen["metadata"][name] for name in ("uid", "resourceVersion")}',
            'preconditions = {"uid": seen["metadata"]["uid"]}',
        ),
    ),
    (
        10,
        Bug(
            "a pin is not followed",
            "lockgate/resolve/resolver.py",
            "wanted=Alias(deployment.alias) if pin is None else Number(pin.version)",
            "wanted=Alias(deployment.alias)",
        ),
    ),
    (
        10,
        Bug(
            "suspend is not heeded",
            "lockgate/plan/planner.py",
            "    if deployment.suspend:\n",
            "    if deployment.suspend and deployment.replicas > 999:\n",
        ),
    ),
    (
        11,
        Bug(
            "what runs is drawn anew from what the operator is today",
            "lockgate/backends/deployment/templates.py",
            "begins = not (release.is_same(",
            "begins = True or not (release.is_same(",
        ),
    ),
    (
        11,
        Bug(
            "another name of a version makes another release of it",
            "lockgate/domain/release.py",
            '"model": [revision.source, revision.uri, revision.digest],',
            '"model": [revision.source, revision.uri, revision.digest, revision.alias],',
        ),
    ),
    (
        12,
        Bug(
            "the server is given the registry's key",
            TEMPLATE,
            '"volumeMounts": [{"name": "model", "mountPath": MODEL_MOUNT_PATH, "readOnly": True}, _SCRATCH],',
            '"volumeMounts": [{"name": "model", "mountPath": MODEL_MOUNT_PATH, "readOnly": True}, _SCRATCH,\n'
            '            {"name": "registry-key", "mountPath": SECRET_DIRECTORY, "readOnly": True}],',
        ),
    ),
    (
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
    ),
    (
        14,
        Bug(
            "a status does not say what it was computed upon",
            "lockgate/report/writer.py",
            '                "resourceVersion": deployment.resource_version,\n',
            "",
        ),
    ),
    (
        15,
        Bug(
            "children are nobody's",
            "lockgate/backends/deployment/marks.py",
            '        "controller": True,\n',
            '        "controller": False,\n',
        ),
    ),
    (
        15,
        Bug(
            "children wait for the operator before they go",
            RENDER,
            '    metadata["namespace"] = deployment.namespace\n',
            '    metadata["namespace"] = deployment.namespace\n'
            '    metadata["finalizers"] = ["lockgate.dev/tidy"]\n',
        ),
    ),
    (
        16,
        Bug(
            "children are made in another namespace",
            RENDER,
            '    metadata["namespace"] = deployment.namespace\n',
            '    metadata["namespace"] = "default"\n',
        ),
    ),
    (
        16,
        Bug(
            "pods act as a service account that an author can name",
            TEMPLATE,
            '        "automountServiceAccountToken": False,\n',
            '        "automountServiceAccountToken": True,\n        "serviceAccountName": deployment.name,\n',
        ),
    ),
    (
        17,
        Bug(
            "the candidate of a rollout that has ended is told on",
            "lockgate/report/compute.py",
            "        candidate=state.candidate,\n",
            "        candidate=state.candidate or previous.candidate,\n",
        ),
    ),
)
