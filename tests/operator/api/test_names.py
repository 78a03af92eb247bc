"""Names that others read."""

from perennial_operator.api import names


def test_labels_and_annotations_are_ours_or_the_recommended_ones() -> None:
    """Nothing is written below another project's prefix."""
    keys = [
        value for name, value in vars(names).items() if name.startswith(("LABEL_", "ANNOTATION_"))
    ]

    assert {key.partition("/")[0] for key in keys} == {"perennial.dev", "app.kubernetes.io"}
    assert len(keys) == len(set(keys))


def test_the_routing_intent_is_named_after_its_model() -> None:
    """The agent finds a model's intent by its label, people by its name."""
    assert names.routing_intent_name("digits") == "digits-routing"


def test_hashes_in_names_are_ten_hex_digits() -> None:
    """The first ten of sha256, so anybody can compute them."""
    assert names.hash10("") == "e3b0c44298"
