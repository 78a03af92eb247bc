"""The allow-list: numbers only, from three libraries."""

import pytest
import skops.io
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestRegressor,
)
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression, TweedieRegressor
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from perennial_serving.runtime.trusted_types import ALLOWED_TYPES

ESTIMATORS = [
    AdaBoostClassifier(n_estimators=2),
    DecisionTreeClassifier(),
    ExtraTreesRegressor(n_estimators=2),
    GaussianProcessClassifier(),
    GradientBoostingClassifier(n_estimators=2),
    HistGradientBoostingClassifier(max_iter=2),
    KNeighborsClassifier(),
    LogisticRegression(),
    MLPClassifier(max_iter=1000, tol=0.1),
    RandomForestRegressor(n_estimators=2),
    SVC(),
    TweedieRegressor(),
    make_pipeline(StandardScaler(), LogisticRegression()),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
def test_common_estimators_need_nothing_else(estimator: ClassifierMixin | RegressorMixin) -> None:
    """A fitted estimator asks for no type that is not allowed."""
    rows, target = make_classification(60, 6, random_state=0)
    data = skops.io.dumps(estimator.fit(rows, target))
    assert set(skops.io.get_untrusted_types(data=data)) <= ALLOWED_TYPES


def test_every_type_is_of_a_library_that_we_ship() -> None:
    """No builtins, no functions of the system, nothing of the user."""
    assert {name.partition(".")[0] for name in ALLOWED_TYPES} == {"numpy", "scipy", "sklearn"}
