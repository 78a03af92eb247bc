"""The Job that finds out a digest: named by its inputs, with the rights of `fetch` only."""

from perennial_operator.plan.manifests import resolve_job
from perennial_operator.plan.snapshot import Meta
from perennial_operator.testing import NOON, OPTIONS

META = Meta("churn", "default", "uid-1", 3, "9", NOON)
MODEL = {"uri": "s3://models/one", "credentials": "keys"}


def test_other_inputs_are_another_job() -> None:
    """A changed location or Secret is fetched anew."""
    found = {
        resolve_job.job_name("churn", model)
        for model in (MODEL, {**MODEL, "uri": "s3://models/two"}, {"uri": MODEL["uri"]})
    }
    assert len(found) == 3
    assert all(name.startswith("churn-resolve-") for name in found)
    assert len("c" * 40 + "-resolve-0123456789") <= 63


def test_the_job_fetches_without_a_digest_and_tries_again_in_place() -> None:
    """The kubelet's growing pauses are the back-off."""
    job = resolve_job.job(META, MODEL, OPTIONS)
    pod = job["spec"]["template"]["spec"]
    (fetch,) = pod["containers"]
    assert (fetch["name"], fetch["args"], pod["restartPolicy"]) == ("fetch", ["fetch"], "OnFailure")
    names = {each["name"] for each in fetch["env"]}
    assert "PERENNIAL_MODEL_URI" in names
    assert "PERENNIAL_MODEL_DIGEST" not in names
    assert {each["name"] for each in pod["volumes"]} == {"models", "scratch", "credentials"}
    assert job["metadata"]["labels"]["app.kubernetes.io/component"] == "resolve"
    assert "perennial.dev/revision" not in job["spec"]["template"]["metadata"]["labels"]
