"""Files that are generated from the API."""

import yaml

from perennial_operator.console import generated


def test_manifests_and_pages_are_generated() -> None:
    """One file a kind, the policies, the roles, one page a kind."""
    assert list(generated.files()) == [
        "crds/modeldeployment.yaml",
        "crds/retrainjob.yaml",
        "crds/decision.yaml",
        "crds/policies.yaml",
        "crds/roles.yaml",
        "docs/reference/modeldeployment.md",
        "docs/reference/retrainjob.md",
        "docs/reference/decision.md",
    ]


def test_a_manifest_says_where_it_comes_from() -> None:
    """Nobody edits it by hand."""
    for path, text in generated.files().items():
        if path.endswith(".yaml"):
            assert text.startswith(
                "# Generated from operator/perennial_operator/api by .ci/generate"
            )


def test_keys_stay_in_order_and_nothing_is_abbreviated() -> None:
    """No anchors: shared parts are written out."""
    part = {"z": 1, "a": 2}

    assert generated.as_yaml([{"one": part, "two": part}]) == (
        "one:\n  z: 1\n  a: 2\ntwo:\n  z: 1\n  a: 2\n"
    )


def test_words_that_yaml_1_1_takes_for_booleans_are_quoted() -> None:
    """Kubernetes reads YAML 1.1 there: `n` alone would be false."""
    text = generated.as_yaml([{"n": "y", "on": "off", "name": "never"}])

    assert text == "'n': 'y'\n'on': 'off'\nname: never\n"
    assert yaml.safe_load(text) == {"n": "y", "on": "off", "name": "never"}
