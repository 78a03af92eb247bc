"""Reference pages for people."""

import pytest

from perennial_operator.api.schema import crds, reference

PAGES = {each.kind: reference.page(each) for each in crds.DEFINITIONS}


def test_a_page_tells_how_the_object_is_named() -> None:
    """Version, short name and the limit of names come first."""
    lines = PAGES["ModelDeployment"].splitlines()

    assert lines[0] == "# ModelDeployment"
    assert lines[6] == (
        "`apiVersion: perennial.dev/v1alpha1`, `kind: ModelDeployment`, short name `md`. "
        "Namespaced."
    )


@pytest.mark.parametrize(
    "row",
    [
        "| `model.uri` | text | required | Location of the model: file, https, http or s3. |",
        "| `replicas` | number | `1` | Pods that carry all of the traffic. |",
        "| `pod.tolerations` | list |  | Taints the Pods tolerate. |",
        (
            "| `rollout.approval.promotion` | true or false | `false` | Ask a person before "
            "promotion. |"
        ),
        (
            "| `rollout.strategy` | text | `Canary` | How traffic moves. One of `Canary`, "
            "`Recreate`. |"
        ),
        "| `rollout.canary.steps[].dwell` | text | `2m` | How long the step lasts at least. |",
    ],
)
def test_a_row_tells_type_default_and_meaning(row: str) -> None:
    """Nested fields have their whole path."""
    assert row in PAGES["ModelDeployment"].splitlines()


def test_lists_show_their_default_in_full() -> None:
    """The default canary is readable on the page."""
    assert "| `weight: 5, dwell: 2m`, `weight: 10, dwell: 2m`," in PAGES["ModelDeployment"]


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_lists_the_words_of_refusals(kind: str) -> None:
    """Who searches for a message finds it, once."""
    page = PAGES[kind]
    messages = [line for line in page.splitlines() if line.startswith("- ")]

    assert "Refused with these words:" in page
    assert len(messages) == len(set(messages)) > 3


def test_a_status_has_no_refusals() -> None:
    """Nobody but the operator writes it."""
    assert "Refused" not in PAGES["ModelDeployment"].partition("## status")[2]
