"""Whether the three admission policies and their bindings are there; asked every half minute."""

from perennial_operator.api import names
from perennial_operator.cluster import kinds
from perennial_operator.cluster.port import Cluster
from perennial_operator.errors import PerennialError

PERIOD_SECONDS = 30.0


def are_active(cluster: Cluster, *, known: bool) -> bool:
    """Return whether all policies exist and are bound; `known` if the cluster does not answer."""
    try:
        return all(
            cluster.get(kind, namespace="", name=name) is not None
            for name in names.POLICIES
            for kind in (kinds.ADMISSION_POLICY, kinds.ADMISSION_POLICY_BINDING)
        )
    except PerennialError:
        return known
