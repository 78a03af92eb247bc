"""Which datatype may stand in for which, without changing a value."""

import doctest

import numpy as np
import pytest

from perennial_serving.codec import datatypes
from perennial_serving.codec.datatypes import Conversion, conversion


def test_the_examples_in_the_docstrings_hold() -> None:
    """What the documentation shows is what happens."""
    assert doctest.testmod(datatypes).failed == 0


def test_every_datatype_has_a_name_for_its_numpy_type() -> None:
    """Names and numpy types translate both ways."""
    for name, dtype in datatypes.DTYPES.items():
        assert datatypes.name_of(dtype) == name


@pytest.mark.parametrize(("dtype", "name"), [("<U5", "BYTES"), ("S3", "BYTES"), ("M8[s]", None)])
def test_texts_are_bytes_and_dates_are_nothing(dtype: str, name: str | None) -> None:
    """Any width of text is BYTES; what the protocol cannot say has no name."""
    assert datatypes.name_of(np.dtype(dtype)) == name


@pytest.mark.parametrize(
    ("sent", "wanted", "way"),
    [
        ("FP32", "FP32", Conversion.SAME),
        ("INT8", "INT16", Conversion.WIDEN),
        ("UINT8", "INT16", Conversion.WIDEN),
        ("FP16", "FP32", Conversion.WIDEN),
        ("FP32", "FP64", Conversion.WIDEN),
        ("INT32", "FP64", Conversion.WIDEN),
        ("INT16", "FP32", Conversion.WIDEN),
        ("INT32", "FP32", Conversion.CHECKED),
        ("INT64", "FP64", Conversion.CHECKED),
        ("UINT64", "FP64", Conversion.CHECKED),
        ("INT64", "FP32", Conversion.CHECKED),
        ("INT64", "INT32", None),
        ("INT8", "UINT8", None),
        ("UINT64", "INT64", None),
        ("FP32", "INT64", None),
        ("FP64", "FP32", None),
        ("FP64", "FP16", None),
        ("INT64", "FP16", None),
        ("BOOL", "INT8", None),
        ("INT8", "BOOL", None),
        ("BYTES", "FP32", None),
        ("FP32", "BYTES", None),
    ],
)
def test_a_conversion_is_exact_or_refused(sent: str, wanted: str, way: Conversion | None) -> None:
    """Only exact ways exist; those that depend on the value are checked."""
    assert conversion(sent, wanted, narrow=False) is way


def test_doubles_become_singles_only_where_the_signature_says_so() -> None:
    """`narrow` opens exactly one more way."""
    assert conversion("FP64", "FP32", narrow=True) is Conversion.NARROW
    assert conversion("FP64", "FP16", narrow=True) is None
