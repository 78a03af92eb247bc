"""The files that are generated from the API: what a cluster applies, and the reference pages.

`.ci/generate` writes them; a contract test fails if one on the disk differs.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from perennial_operator.api.schema import crds, policies, reference, roles

Document = Mapping[str, Any]

_HEAD = "# Generated from operator/perennial_operator/api by .ci/generate: change it there.\n"


class _Dumper(yaml.SafeDumper):
    """Dumps what YAML 1.1 and 1.2 read alike: `y` and `n` quoted, no anchors."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # the base class's signature
        """Write repeated parts out."""
        return True


_Dumper.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^[yYnN]$"), list("yYnN"))


def as_yaml(documents: Iterable[Document]) -> str:
    """Return documents as a YAML stream in the order of their keys."""
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=100)


def files() -> dict[str, str]:
    """Return every generated file by its path in the repository."""
    manifests = {
        f"crds/{each.kind.lower()}.yaml": as_yaml([crds.custom_resource_definition(each)])
        for each in crds.DEFINITIONS
    }
    manifests["crds/policies.yaml"] = as_yaml(policies.documents())
    manifests["crds/roles.yaml"] = as_yaml(roles.documents())
    pages = {
        f"docs/reference/{each.kind.lower()}.md": reference.page(each) for each in crds.DEFINITIONS
    }
    return {path: _HEAD + text for path, text in manifests.items()} | pages
