"""Dataclasses to JSON documents and back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_operator.api import documents


@dataclass(frozen=True)
class Leaf:
    """A nested value."""

    some_name: str = ""
    count: int = 0


@dataclass(frozen=True)
class Tree:
    """One field of every shape that the API uses."""

    id_: str
    is_on: bool = False
    leaf: Leaf = Leaf()
    maybe: Leaf | None = None
    leaves: tuple[Leaf, ...] = ()
    words: tuple[str, ...] = ()
    by_name: Mapping[str, Leaf] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)


FULL = Tree(
    id_="a",
    is_on=True,
    leaf=Leaf("b", 1),
    maybe=Leaf("c", 2),
    leaves=(Leaf("d", 3), Leaf("e", 4)),
    words=("f", "g"),
    by_name={"h": Leaf("i", 5)},
    raw={"emptyDir": {}, "list": [{"x": None}]},
)
LEAVES = st.builds(Leaf, some_name=st.text(max_size=3), count=st.integers())


def test_names_are_camel_case_in_documents() -> None:
    """A trailing underscore belongs to Python only."""
    assert [documents.camel(each) for each in ("some_long_name", "uri", "id_")] == [
        "someLongName",
        "uri",
        "id",
    ]


def test_a_full_value_survives_the_way() -> None:
    """Nested values, lists, maps and raw parts come back as they were."""
    assert documents.load(Tree, documents.dump(FULL)) == FULL


@given(LEAVES, st.lists(LEAVES, max_size=3).map(tuple), st.none() | LEAVES)
def test_every_value_survives_the_way(
    leaf: Leaf, leaves: tuple[Leaf, ...], maybe: Leaf | None
) -> None:
    """What is empty is left out and comes back as the default."""
    tree = Tree("a", leaf=leaf, leaves=leaves, maybe=maybe)

    assert documents.load(Tree, documents.dump(tree)) == tree


def test_what_is_empty_is_left_out() -> None:
    """Set, then unset, equals never set; zero and false are values."""
    assert documents.dump(Tree("")) == {"isOn": False, "leaf": {"count": 0}}


def test_raw_parts_stay_as_they_are() -> None:
    """An empty `emptyDir` means something."""
    assert documents.dump(FULL)["raw"] == {"emptyDir": {}, "list": [{"x": None}]}


def test_unknown_keys_and_nulls_count_as_absent() -> None:
    """The API server has refused them already."""
    document = {"id": "a", "leaf": None, "other": 1, "leaves": [{"someName": "b", "new": 2}]}

    assert documents.load(Tree, document) == Tree("a", leaves=(Leaf("b"),))


def test_a_required_field_that_is_absent_is_a_type_error() -> None:
    """The caller turns it into a finding."""
    with pytest.raises(TypeError, match="id_"):
        documents.load(Tree, {})
