"""Checks Kubernetes manifests against the schemas of the API: python3 check.py FILE, with the packages of manifests.rs.

Kubernetes' own kinds are held against its JSON schemas, in which no unknown key may stand; the Prometheus operator's
against models made from its definitions, and what a model does not give back was unknown to it.
"""

import sys

import kubernetes_validate
import yaml
from cloudcoil.models.prometheus_operator import v1

KUBERNETES = "1.37"


def unknown(given, kept, path):
    """The paths of keys in `given` that are not in `kept`."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if key not in kept:
                yield f"{path}.{key}"
            else:
                yield from unknown(value, kept[key], f"{path}.{key}")
    elif isinstance(given, list) and isinstance(kept, list):
        for index, (one, other) in enumerate(zip(given, kept)):
            yield from unknown(one, other, f"{path}[{index}]")


def faults(document):
    kind = document.get("kind")
    if document.get("apiVersion") != "monitoring.coreos.com/v1":
        try:
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{'.'.join(map(str, error.path))}: {error.message}"
        return
    try:
        model = getattr(v1, kind).model_validate(document)
    except (AttributeError, ValueError) as error:
        yield str(error)
        return
    yield from (f"{key}: no such key" for key in unknown(document, model.model_dump(by_alias=True), kind))


def main(path):
    count, bad = 0, 0
    for document in yaml.safe_load_all(open(path, encoding="utf-8")):
        count += 1
        for fault in faults(document):
            bad += 1
            print(f"{document.get('kind')} {document.get('metadata', {}).get('name')}: {fault}")
    print(f"{count} manifests, {bad} faults")
    return 1 if bad or not count else 0


sys.exit(main(sys.argv[1]))
