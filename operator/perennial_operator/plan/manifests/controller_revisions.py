"""The ControllerRevision of a revision: identity and Pod template, which never change again."""

from perennial_operator.api import names
from perennial_operator.plan.actions import Object
from perennial_operator.plan.manifests import model_objects
from perennial_operator.plan.rollout.revisions import Revision
from perennial_operator.plan.snapshot import Meta


def controller_revision(meta: Meta, revision: Revision) -> Object:
    """Return the ControllerRevision with all that is remembered of the revision."""
    metadata = model_objects.metadata(
        meta, revision.name, component=names.COMPONENT_PREDICTOR, revision=revision.name
    )
    notes = {
        names.ANNOTATION_PROMOTION: str(revision.promotion or ""),
        names.ANNOTATION_MODEL_HASH: revision.model_hash,
        names.ANNOTATION_ATTEMPTS: str(revision.attempts or ""),
        names.ANNOTATION_REJECTED: revision.rejected,
    }
    metadata["annotations"] = {key: value for key, value in notes.items() if value}
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": metadata,
        "revision": revision.promotion,
        "data": {
            "projection": revision.projection,
            "image": revision.image,
            "template": revision.template,
        },
    }
