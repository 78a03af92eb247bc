"""The gate lets a converted model pass only if it answers as the source does."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from perennial_serving.codec.tensors import Array, Signature, Tensors, TensorSpec
from perennial_serving.jobs.packing import equivalence
from perennial_serving.jobs.packing.equivalence import Limits, Side, Trial
from perennial_serving.jobs.packing.signature import Sample

INPUT = TensorSpec("input", "FP64", (-1, 1), columns=("x",))
CLASSES = Signature(
    (INPUT,),
    (TensorSpec("label", "INT64", (-1,)), TensorSpec("probabilities", "FP64", (-1, 2))),
    "classification",
    (0, 1),
)
LABELS = Signature((INPUT,), CLASSES.outputs[:1], "classification", (0, 1))
NUMBERS = Signature((INPUT,), (TensorSpec("prediction", "FP64", (-1,)),), "regression")
Scores = Callable[[np.ndarray], np.ndarray]


class Scorer:
    """A model of one column whose score is a function; below 0 the row is refused."""

    platform = "test"
    is_threaded = False

    def __init__(self, signature: Signature, scores: Scores) -> None:
        """Answer by these scores."""
        self.signature, self._scores = signature, scores

    def run(self, inputs: Tensors, outputs: Sequence[str]) -> list[Array]:
        """Return label, probabilities or prediction."""
        scores = self._scores(inputs["input"][:, 0])
        if (scores < 0).any():
            message = "refused"
            raise ValueError(message)
        answers = {
            "label": (scores > 0.5).astype(np.int64),
            "probabilities": np.column_stack([1 - scores, scores]),
            "prediction": scores,
        }
        return [answers[name] for name in outputs]


def proof(scores: Scores, *, signature: Signature = CLASSES, real: int = 400) -> equivalence.Proof:
    """Compare a changed model with the one whose score is its input."""
    source = Scorer(signature, lambda x: x)
    changed = Scorer(signature, scores)
    rng = np.random.default_rng(0)
    trial = Trial(
        Sample({"x": rng.uniform(0.02, 0.98, size=real)}),
        Sample({"x": rng.uniform(0.02, 0.98, size=1000)}),
        Limits(),
    )
    return equivalence.prove(Side(source, signature), Side(changed, signature), trial)


@pytest.mark.parametrize("signature", [CLASSES, LABELS, NUMBERS])
def test_the_same_answers_pass(signature: Signature) -> None:
    """Classifiers with and without probabilities, and regressors."""
    found = proof(lambda x: x, signature=signature)
    assert (found.why, found.real_flips, found.boundary_flips) == ("", 0, 0)
    assert (found.real_rows, found.boundary_rows) == (400, 1000)


@pytest.mark.parametrize(("shift", "passes"), [(9e-5, True), (1.1e-4, False)])
def test_probabilities_may_differ_by_the_allowed_difference(shift: float, *, passes: bool) -> None:
    """Where labels agree; below the limit the candidate passes, above it does not."""
    found = proof(lambda x: np.where(x > 0.51, x + shift, x))
    assert found.max_difference == pytest.approx(shift)
    assert (found.why == "") is passes


def test_a_changed_label_on_a_real_row_is_one_too_many() -> None:
    """However small the score's change is."""
    found = proof(lambda x: np.where((x > 0.5) & (x < 0.51), 0.5, x))
    assert found.real_flips > 0
    assert "real rows get another label" in found.why


def test_few_changed_labels_on_boundary_rows_are_allowed() -> None:
    """One of a thousand is, ten are not."""
    source = Scorer(LABELS, lambda x: x)
    real = Sample({"x": np.full(10, 0.9)})
    beside = Sample({"x": np.arange(1, 1001) / 1001})
    for count, why in ((1, ""), (10, "boundary rows get another label")):
        changed = Scorer(LABELS, lambda x, count=count: np.where(x > 1 - count / 1001 - 1e-6, 0, x))
        pair = Side(source, LABELS), Side(changed, LABELS)
        found = equivalence.prove(*pair, Trial(real, beside, Limits()))
        assert found.boundary_flips == count
        assert why in found.why
        assert bool(found.why) == bool(why)


def test_a_regression_may_differ_by_a_share_of_its_spread() -> None:
    """The allowed difference is that share of the standard deviation of the source's answers."""
    found = proof(lambda x: x + 1e-4, signature=NUMBERS)
    assert found.allowed_difference == pytest.approx(1e-4 * 0.28, rel=0.1)
    assert "numbers differ by" in found.why
    assert proof(lambda x: x + 1e-5, signature=NUMBERS).why == ""


def test_a_constant_regression_may_differ_by_the_limit_itself() -> None:
    """Without spread there is no share to take."""
    source, changed = (
        Scorer(NUMBERS, lambda x: x * 0 + 5),
        Scorer(NUMBERS, lambda x: x * 0 + 5.00005),
    )
    rows = Sample({"x": np.ones(10)})
    found = equivalence.prove(
        Side(source, NUMBERS), Side(changed, NUMBERS), Trial(rows, rows, Limits())
    )
    assert (found.why, found.allowed_difference) == ("", 1e-4)


def test_rows_that_only_one_side_answers_are_named() -> None:
    """A candidate that refuses rows is not equivalent; nor is one that answers refused ones."""
    found = proof(lambda x: np.where(x > 0.9, -1.0, x))
    assert "answered by one of both models only" in found.why


def test_a_number_that_only_one_side_has_is_a_difference() -> None:
    """NaN on one side is not "no difference"."""
    found = proof(lambda x: np.where(x > 0.9, np.nan, x), signature=NUMBERS)
    assert "answered by one of both models only" in found.why


def test_an_answer_that_depends_on_the_batch_is_refused() -> None:
    """A row must get the same answer alone and among others."""
    found = proof(lambda x: x if x.size != 7 else 1 - x)
    assert found.why == "the answer depends on the rows of the same batch"
    assert proof(lambda x: x if x.size != 64 else x + 0.01).why.startswith("numbers differ")


def test_without_rows_nothing_is_proved() -> None:
    """An empty sample passes nobody."""
    assert proof(lambda x: x, real=0).why == "there are no rows to prove it on"
