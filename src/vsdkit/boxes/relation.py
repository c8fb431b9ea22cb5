"""The relation of two boxes with tags: three small models, their mean, and its temperature."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix, hstack
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction import DictVectorizer
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import QuantileTransformer
from threadpoolctl import threadpool_limits

from vsdkit.boxes.features import Pair, geometry, nouns, tag_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

__all__ = ["INPUTS", "RelationModel"]

INPUTS: Final = ("geometry", "tags", "neighbours")
"""What the model sees: boxes, words of tags, and the labels of fit pairs with the same nouns."""

# Chosen by five-fold cross-validation on VSD's validation split; benchmarks/boxes.py measures the
# whole, and facts about what each input is worth stand in docs/without-a-gpu.md.
_FOLDS = 5
_TREES = 150
_LEAST_LEAF = 3
_SHARE_OF_FEATURES = 0.4
_KERNEL_POINTS = 400
_KERNEL_WIDTH = 0.02
_TAG_WEIGHT = 0.7
"""Of a tag's word beside the geometry, in the model that sees both; below 1 rare words say less."""
_PRIOR_PAIRS = 3.0
"""Pairs that the overall frequencies count for beside those of a noun."""
_LEAST = 1e-9
"""Probability below which a logarithm is not taken."""
_NORMAL_QUANTILES = 200
_KNOTS = (-3.0, -1.5, -0.75, 0.0, 0.75, 1.5, 3.0)
"""Where broken lines bend, in standard deviations of the normal that each number is mapped to."""


@dataclass(frozen=True, slots=True)
class RelationModel:
    """What ``fit`` found; ``probabilities`` asks it."""

    labels: tuple[str, ...]
    """The labels, in the order of the columns."""
    inputs: tuple[str, ...]
    """Those of ``INPUTS`` that it sees; the others are blank to it."""
    parts: Mapping[str, Any]
    """Name to estimator of scikit-learn."""
    frequencies: Mapping[str, list[float]]
    """Noun of the subject, of the object, or both, to how many fit pairs have each label."""
    temperature: float
    """What the logarithms of the mean are divided by, so that 70 % is right 70 % of the time."""
    held_out: Mapping[str, float] = field(default_factory=dict)
    """Pairs of the fifth that was kept back at first, and the model's accuracy on them."""

    @classmethod
    def fit(
        cls,
        pairs: Sequence[Pair],
        wanted: Sequence[str],
        *,
        inputs: Collection[str] = INPUTS,
        seed: int = 0,
    ) -> RelationModel:
        """Return the model of pairs whose relation is known.

        Args:
            pairs: At least ``_FOLDS`` of them.
            wanted: The label of each.
            inputs: Those of ``INPUTS`` that it may see.
            seed: Of the folds and of everything random.
        """
        with _quietly():
            return cls._fit(pairs, wanted, inputs, seed)

    @classmethod
    def _fit(
        cls, pairs: Sequence[Pair], wanted: Sequence[str], inputs: Collection[str], seed: int
    ) -> RelationModel:
        labels = tuple(sorted(set(wanted)))
        target = np.asarray([labels.index(label) for label in wanted])
        chosen = tuple(name for name in INPUTS if name in inputs)
        # One fifth is kept back for the temperature, then everything is fitted on all.
        known, held = next(KFold(_FOLDS, shuffle=True, random_state=seed).split(target))
        trial = cls._fit_parts([pairs[n] for n in known], target[known], labels, chosen, seed)
        # At a temperature of 1 these are the plain mean.
        mean = trial.probabilities([pairs[n] for n in held])
        right = mean.argmax(axis=1) == target[held]
        whole = cls._fit_parts(pairs, target, labels, chosen, seed)
        return replace(
            whole,
            temperature=_best_temperature(mean, target[held]),
            held_out={"pairs": len(held), "accuracy": round(100 * float(right.mean()), 2)},
        )

    @classmethod
    def _fit_parts(
        cls,
        pairs: Sequence[Pair],
        target: NDArray[np.int64],
        labels: tuple[str, ...],
        inputs: tuple[str, ...],
        seed: int,
    ) -> RelationModel:
        words = _words(pairs, inputs)
        shape = _geometry(pairs, inputs)
        # The trees must see of a fit pair what they will see of a new one: what the words say when
        # the pair itself has taught nothing.
        said = np.zeros((len(pairs), len(labels)))
        near = np.zeros((len(pairs), 3 * (len(labels) + 1)))
        for known, held in KFold(_FOLDS, shuffle=True, random_state=seed).split(target):
            part = _fit_words([words[n] for n in known], target[known])
            said[held] = _spread(part, [words[n] for n in held], len(labels))
            counts = _count([pairs[n] for n in known], target[known], len(labels))
            near[held] = _neighbours([pairs[n] for n in held], counts, len(labels), inputs)
        normal = QuantileTransformer(
            output_distribution="normal",
            n_quantiles=min(_NORMAL_QUANTILES, len(pairs)),
            random_state=seed,
        ).fit(shape)
        own = _fit_words(words, target)
        parts: dict[str, Any] = {"words": own, "normal": normal}
        both = _both(normal, own, shape, words)
        parts["both"] = LogisticRegression(C=0.3, max_iter=100).fit(both, target)
        points = min(_KERNEL_POINTS, len(pairs))
        parts["kernel"] = Pipeline(
            [
                ("points", Nystroem(gamma=_KERNEL_WIDTH, n_components=points, random_state=seed)),
                ("linear", LogisticRegression(C=3.0, max_iter=100)),
            ]
        ).fit(_smooth(normal, shape, said), target)
        parts["trees"] = ExtraTreesClassifier(
            _TREES,
            min_samples_leaf=_LEAST_LEAF,
            max_features=_SHARE_OF_FEATURES,
            random_state=seed,
        ).fit(np.hstack([shape, said, near]), target)
        return cls(labels, inputs, parts, _count(pairs, target, len(labels)), 1.0)

    def probabilities(self, pairs: Sequence[Pair]) -> Matrix:
        """Return the calibrated probability of each label.

        Returns:
            ``[n_pairs, n_labels]``, each row's sum 1.
        """
        if not pairs:
            return np.zeros((0, len(self.labels)))
        with _quietly():
            return _temper(self._mean(pairs), self.temperature)

    def _mean(self, pairs: Sequence[Pair]) -> Matrix:
        words, shape = _words(pairs, self.inputs), _geometry(pairs, self.inputs)
        said = _spread(self.parts["words"], words, len(self.labels))
        near = _neighbours(pairs, self.frequencies, len(self.labels), self.inputs)
        normal = self.parts["normal"]
        both = _both(normal, self.parts["words"], shape, words)
        each = (
            self.parts["both"].predict_proba(both),
            self.parts["kernel"].predict_proba(_smooth(normal, shape, said)),
            self.parts["trees"].predict_proba(np.hstack([shape, said, near])),
        )
        mean: Matrix = np.mean(each, axis=0)
        return mean


@contextmanager
def _quietly() -> Iterator[None]:
    """Compute on one thread, and let iterations end where they are told to.

    The matrices are small: threads of the linear algebra wait for each other, and on a busy machine
    a fit takes ten times as long. That iterations end early keeps rare words from being believed.
    """
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _words(pairs: Sequence[Pair], inputs: Collection[str]) -> list[dict[str, float]]:
    # A constant in place of what is left out: the models stay the same.
    return [tag_words(pair) if "tags" in inputs else {"": 1.0} for pair in pairs]


def _geometry(pairs: Sequence[Pair], inputs: Collection[str]) -> Matrix:
    found = geometry(pairs)
    return found if "geometry" in inputs else np.zeros_like(found)


def _fit_words(words: Sequence[Mapping[str, float]], target: NDArray[np.int64]) -> Any:
    return Pipeline(
        [("columns", DictVectorizer()), ("linear", LogisticRegression(max_iter=100))]
    ).fit(words, target)


def _spread(part: Any, words: Sequence[Mapping[str, float]], n_labels: int) -> Matrix:
    """Return a part's probabilities with a column for each label, also for those it never saw."""
    spread = np.zeros((len(words), n_labels))
    spread[:, part.classes_] = part.predict_proba(words)
    return spread


def _keys(pair: Pair) -> tuple[str, str, str]:
    subject, object_ = nouns(pair)
    return f"{subject}|", f"|{object_}", f"{subject}|{object_}"


def _count(
    pairs: Sequence[Pair], target: NDArray[np.int64], n_labels: int
) -> dict[str, list[float]]:
    counts: dict[str, list[float]] = {"": [0.0] * n_labels}
    for pair, label in zip(pairs, target, strict=True):
        for key in ("", *_keys(pair)):
            counts.setdefault(key, [0.0] * n_labels)[label] += 1
    return counts


def _neighbours(
    pairs: Sequence[Pair],
    counts: Mapping[str, list[float]],
    n_labels: int,
    inputs: Collection[str],
) -> Matrix:
    """Return the labels of pairs with the same subject, object, or both, and how many there are.

    Returns:
        ``[n_pairs, 3 * (n_labels + 1)]``, frequencies drawn towards those of all pairs.
    """
    width = n_labels + 1
    found = np.zeros((len(pairs), 3 * width))
    if "neighbours" not in inputs:
        return found
    overall = np.asarray(counts[""])
    prior = _PRIOR_PAIRS * overall / overall.sum()
    for row, pair in enumerate(pairs):
        for place, key in enumerate(_keys(pair)):
            own = np.asarray(counts.get(key, [0.0] * n_labels))
            start = place * width
            found[row, start : start + n_labels] = (own + prior) / (own.sum() + _PRIOR_PAIRS)
            found[row, start + n_labels] = np.log1p(own.sum())
    return found


def _both(normal: Any, words_part: Any, shape: Matrix, words: Sequence[Mapping[str, float]]) -> Any:
    """Return geometry as broken lines and the words beside it, sparse.

    A number becomes its nearness to each of the knots, so that what is linear in them bends there.
    """
    placed = normal.transform(shape)
    near = [np.interp(placed, _KNOTS, one) for one in np.eye(len(_KNOTS))]
    own = words_part["columns"].transform(words)
    return hstack([csr_matrix(np.hstack(near)), _TAG_WEIGHT * own]).tocsr()


def _smooth(normal: Any, shape: Matrix, said: Matrix) -> Matrix:
    """Return geometry and the words' probabilities in units of like size, as kernels want them."""
    smooth: Matrix = np.hstack([normal.transform(shape) / 3, np.log(said + 0.01)])
    return smooth


def _temper(mean: Matrix, temperature: float) -> Matrix:
    logs = np.log(np.maximum(mean, _LEAST)) / temperature
    raised = np.exp(logs - logs.max(axis=1, keepdims=True))
    tempered: Matrix = raised / raised.sum(axis=1, keepdims=True)
    return tempered


def _best_temperature(mean: Matrix, target: NDArray[np.int64]) -> float:
    rows = np.arange(len(target))

    def loss(temperature: float) -> float:
        return float(-np.log(np.maximum(_temper(mean, temperature)[rows, target], _LEAST)).mean())

    return float(minimize_scalar(loss, bounds=(0.3, 3.0), method="bounded").x)
