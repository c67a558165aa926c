"""Writes schemas of the kinds that exports use, from the Kubernetes models of a published package.

Run it where the other projects are installed::

    tests/real/.venv/bin/python tests/real/kubernetes_schemas.py tests/formats/exporters/kubernetes

The package `kubeflow-trainer-api` has models generated from the OpenAPI definitions of Kubernetes and
of JobSet. Kueue publishes none; ``topology.json`` in the same folder is written by hand from the
fields of its ``config/components/crd/bases/kueue.x-k8s.io_topologies.yaml``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from kubeflow_trainer_api.models.io_k8s_api_core_v1_config_map import IoK8sApiCoreV1ConfigMap
from kubeflow_trainer_api.models.jobset_v1alpha2_job_set import JobsetV1alpha2JobSet

MODELS = {"configmap": IoK8sApiCoreV1ConfigMap, "jobset": JobsetV1alpha2JobSet}


def schema(model):
    """The model's JSON Schema without its prose; an object has no other keys than the model's."""
    return strict(model.model_json_schema(by_alias=True))


def strict(part):
    """Part of a schema, in the same way."""
    if isinstance(part, list):
        return [strict(each) for each in part]
    if not isinstance(part, dict):
        return part
    if "actual_instance" in part.get("properties", {}):
        # The models wrap what may be of several types, such as a quantity.
        return strict(part["properties"]["actual_instance"])
    kept = {
        key: strict(value)
        for key, value in part.items()
        if not (key in {"description", "title"} and isinstance(value, str))
    }
    if isinstance(kept.get("properties"), dict) and kept.get("type") == "object":
        kept["additionalProperties"] = False
    return kept


if __name__ == "__main__":
    for name, model in MODELS.items():
        text = json.dumps(schema(model), indent=None, separators=(",", ":"), sort_keys=True)
        (Path(sys.argv[1]) / f"{name}.json").write_text(text + "\n")
