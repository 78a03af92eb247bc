"""Files over https: what the suite of stores cannot say."""

import pytest

from perennial_serving.contract.results import Reason
from perennial_serving.contract.urls import Location
from perennial_serving.errors import Invalid
from perennial_serving.fetch.access import Access
from perennial_serving.fetch.place import Entry
from perennial_serving.fetch.sources.https import HttpsStore

HOST = Location("https", "models.example", 443, "/a/model.onnx", "token=x")


def test_a_file_is_called_by_its_last_part() -> None:
    """The query is not part of the name; nothing is asked for the listing."""
    assert HttpsStore(HOST, Access()).entries() == [Entry("model.onnx", None)]


def test_a_path_is_checked_before_the_host_is_resolved() -> None:
    """A trick costs no request."""
    with pytest.raises(Invalid) as caught:
        list(HttpsStore(HOST, Access()).chunks("../x"))
    assert caught.value.reason == Reason.UNSAFE_PATH
