"""What KubeRay's custom resources may hold, as far as our manifests use them.

Names of fields and which are required: `ray-operator/apis/ray/v1/raycluster_types.go` and `rayservice_types.go` of
github.com/ray-project/kuberay (raycluster_types.go at commit 026f143), and the CRDs made of them in
`helm-chart/kuberay-operator/crds/` (ray.io_rayservices.yaml at commit 02a80a6). Those of pods: Kubernetes' core/v1.
"""

from __future__ import annotations

from typing import Any

ANY_STRINGS = "a mapping of strings"
QUANTITIES = "a mapping of quantities"

_CONTAINER = {
    "name!": str, "image!": str, "command": [str], "args": [str],
    "env": [{"name!": str, "value": str}],
    "ports": [{"name": str, "containerPort!": int}],
    "resources": {"requests": QUANTITIES, "limits": QUANTITIES},
    "volumeMounts": [{"name!": str, "mountPath!": str, "readOnly": bool, "subPath": str}],
}  # fmt: skip
_VOLUME = {
    "name!": str,
    "persistentVolumeClaim": {"claimName!": str, "readOnly": bool},
    "emptyDir": {"medium": str, "sizeLimit": str},
}
_TEMPLATE = {
    "metadata": {"labels": ANY_STRINGS, "annotations": ANY_STRINGS},
    "spec!": {
        "containers!": [_CONTAINER],
        "initContainers": [_CONTAINER],
        "volumes": [_VOLUME],
        "nodeSelector": ANY_STRINGS,
    },
}
_CLUSTER = {
    "headGroupSpec!": {
        "serviceType": str, "enableIngress": bool, "rayStartParams!": ANY_STRINGS, "template!": _TEMPLATE,
    },
    "workerGroupSpecs": [{
        "groupName!": str, "replicas": int, "minReplicas!": int, "maxReplicas!": int, "numOfHosts": int,
        "rayStartParams!": ANY_STRINGS, "template!": _TEMPLATE,
    }],
    "rayVersion": str, "enableInTreeAutoscaling": bool, "headServiceAnnotations": ANY_STRINGS, "suspend": bool,
    "autoscalerOptions": {
        "resources": {"requests": QUANTITIES, "limits": QUANTITIES}, "image": str, "imagePullPolicy": str,
        "idleTimeoutSeconds": int, "upscalingMode": str, "version": str,
    },
}  # fmt: skip
_METADATA = {"name!": str, "namespace": str, "labels": ANY_STRINGS, "annotations": ANY_STRINGS}
KINDS = {
    "RayCluster": {"apiVersion!": str, "kind!": str, "metadata!": _METADATA, "spec!": _CLUSTER},
    "RayService": {
        "apiVersion!": str, "kind!": str, "metadata!": _METADATA,
        "spec!": {"serveConfigV2": str, "rayClusterConfig!": _CLUSTER, "excludeHeadPodFromServeSvc": bool},
    },
}  # fmt: skip


def problems(value: Any, fields: Any, where: str = "") -> list[str]:
    """What a manifest has that is unknown, lacks that is required, or has of another type."""
    if fields in (ANY_STRINGS, QUANTITIES):
        # A number where Kubernetes wants a string is the usual mistake in YAML.
        fields = dict.fromkeys(value, str)
    wanted = type(fields) if isinstance(fields, (dict, list)) else fields
    if type(value) is not wanted:
        return [f"{where}: not {wanted.__name__}"]
    if isinstance(fields, list):
        return [problem for n, one in enumerate(value) for problem in problems(one, fields[0], f"{where}[{n}]")]
    return _problems_of_mapping(value, fields, where) if isinstance(fields, dict) else []


def _problems_of_mapping(value: dict[str, Any], fields: dict[str, Any], where: str) -> list[str]:
    known = {name.rstrip("!"): inner for name, inner in fields.items()}
    required = {name.rstrip("!") for name in fields if name.endswith("!")}
    found = [f"{where}.{name}: unknown" for name in value.keys() - known.keys()]
    found += [f"{where}.{name}: missing" for name in required - value.keys()]
    for name in value.keys() & known.keys():
        found += problems(value[name], known[name], f"{where}.{name}")
    return found
