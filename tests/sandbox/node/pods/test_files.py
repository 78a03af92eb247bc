"""Tests of what the files of volumes hold."""

from perennial_sandbox.node.pods import files
from perennial_sandbox.node.pods.facts import CONFIG_MAP, SECRET, Facts, Source
from perennial_sandbox.node.pods.files import Content, File, Token
from perennial_sandbox.node.pods.objects import Json
from perennial_sandbox.node.pods.plan import PodPlan, plan_of
from perennial_sandbox.node.testing import container, pod

POD = pod(container(resources={"limits": {"cpu": "1"}}))
PLAN: PodPlan = plan_of(POD)
SEEN = Facts(
    POD,
    objects={
        Source(CONFIG_MAP, "c"): {"data": {"a": "1", "b": "2"}},
        Source(SECRET, "s"): {"data": {"k": "dmFsdWU="}},
    },
)


def content(volume: Json, tokens: dict[Token, str] | None = None) -> Content:
    """Return a volume's content as the facts above give it."""
    return files.content_of(volume, SEEN, PLAN, tokens=tokens or {})


def test_a_config_map_is_one_file_a_key() -> None:
    """Without items all keys are files, readable by all."""
    found = content({"name": "v", "configMap": {"name": "c"}})
    assert found == Content({"a": File(b"1", 0o644), "b": File(b"2", 0o644)})


def test_items_choose_names_and_modes() -> None:
    """Only the named keys are files; an item's mode goes before the volume's."""
    items = [{"key": "a", "path": "deep/x", "mode": 0o400}, {"key": "b", "path": "y"}]
    found = content({"name": "v", "configMap": {"name": "c", "items": items, "defaultMode": 0o600}})
    assert found == Content({"deep/x": File(b"1", 0o400), "y": File(b"2", 0o600)})


def test_a_secret_is_decoded() -> None:
    """Files hold the bytes, not their notation."""
    found = content({"name": "v", "secret": {"secretName": "s"}})
    assert found == Content({"k": File(b"value", 0o644)})


def test_an_optional_source_may_be_missing() -> None:
    """The volume is empty until the object appears; a missing key of an item is left out."""
    absent = content({"name": "v", "secret": {"secretName": "no", "optional": True}})
    items = [{"key": "z", "path": "z"}]
    keyless = content({"name": "v", "configMap": {"name": "c", "items": items, "optional": True}})
    assert (absent, keyless) == (Content(), Content())


def test_a_needed_source_is_named_when_missing() -> None:
    """The message names kind, object and key."""
    absent = content({"name": "v", "secret": {"secretName": "no"}})
    items = [{"key": "z", "path": "z"}]
    keyless = content({"name": "v", "configMap": {"name": "c", "items": items}})
    assert (absent.problems, keyless.problems) == (
        ('Secret "no" not found',),
        ('ConfigMap "c" has no key "z"',),
    )


def test_the_downward_api_is_files_of_facts() -> None:
    """Fields of the Pod and resources of a named container become files."""
    items = [
        {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}},
        {
            "path": "cpu",
            "mode": 0o400,
            "resourceFieldRef": {"containerName": "main", "resource": "limits.cpu"},
        },
    ]
    found = content({"name": "v", "downwardAPI": {"items": items}})
    assert found == Content({"name": File(b"p"), "cpu": File(b"1", 0o400)})


def test_a_reference_to_nothing_is_said() -> None:
    """An unknown field or container has no value."""
    items = [
        {"path": "x", "fieldRef": {"fieldPath": "spec.x"}},
        {"path": "y", "resourceFieldRef": {"containerName": "no", "resource": "limits.cpu"}},
    ]
    found = content({"name": "v", "downwardAPI": {"items": items}})
    assert found.problems == (
        "x: this reference has no value here",
        "y: this reference has no value here",
    )


def test_a_projection_gathers_all_its_sources() -> None:
    """The usual volume of a service account: token, authority, namespace."""
    volume = {
        "name": "v",
        "projected": {
            "defaultMode": 0o640,
            "sources": [
                {"serviceAccountToken": {"path": "token", "expirationSeconds": 600}},
                {"configMap": {"name": "c", "items": [{"key": "a", "path": "ca.crt"}]}},
                {"secret": {"name": "s"}},
                {
                    "downwardAPI": {
                        "items": [{"path": "ns", "fieldRef": {"fieldPath": "metadata.namespace"}}]
                    }
                },
            ],
        },
    }
    token = Token("token", "", 600)
    assert (files.tokens_of(volume), files.sources_of(volume), content(volume, {token: "t"})) == (
        (token,),
        {Source(CONFIG_MAP, "c"), Source(SECRET, "s")},
        Content(
            {
                "token": File(b"t", 0o640),
                "ca.crt": File(b"1", 0o640),
                "k": File(b"value", 0o640),
                "ns": File(b"default", 0o640),
            }
        ),
    )


def test_a_token_is_private_unless_the_volume_says_otherwise() -> None:
    """Without a mode only the owner reads it."""
    volume = {"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}
    found = content(volume, {Token("t"): "secret"})
    assert found == Content({"t": File(b"secret", 0o600)})


def test_a_source_that_the_node_does_not_know_is_said() -> None:
    """It is named, so that a person can leave it out."""
    found = content({"name": "v", "projected": {"sources": [{"clusterTrustBundle": {}}]}})
    assert found.problems == ("a volume cannot be made from clusterTrustBundle here",)


def test_other_volumes_have_no_content() -> None:
    """What an emptyDir holds is its containers' business."""
    volume = {"name": "v", "emptyDir": {}}
    assert (content(volume), files.sources_of(volume), files.tokens_of(volume)) == (
        Content(),
        frozenset(),
        (),
    )
