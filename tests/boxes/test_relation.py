"""The relation of two boxes with tags."""

import numpy as np
import pytest

from vsdkit.boxes.features import Pair, pair_of
from vsdkit.boxes.relation import RelationModel, _best_temperature, _temper
from vsdkit.data.records import Box
from vsdkit.data.relations import RELATIONS


def accuracy(model, rows):
    items = [row for row in rows if row.task == 1]
    best = model.probabilities([pair_of(row) for row in items]).argmax(axis=1)
    return np.mean([model.labels[n] in row.relations for n, row in zip(best, items, strict=True)])


def test_it_finds_the_relation_of_pairs_that_it_was_not_fitted_on(model, held_out):
    # Boxes do not say who stands in front: two of nine labels are a coin's throw.
    assert accuracy(model.relation, held_out) > 0.7


def test_probabilities_are_of_all_labels_and_sum_to_one(model, held_out):
    found = model.relation.probabilities([pair_of(row) for row in held_out[:30]])
    assert found.shape == (30, len(RELATIONS))
    assert found.sum(axis=1) == pytest.approx(np.ones(30))


def test_no_pairs_have_no_probabilities(model):
    assert model.relation.probabilities([]).shape == (0, len(RELATIONS))


def test_an_answer_does_not_depend_on_the_other_pairs(model, held_out):
    pairs = [pair_of(row) for row in held_out if row.task == 1][:5]
    together = model.relation.probabilities(pairs)
    assert np.allclose(together[3], model.relation.probabilities([pairs[3]])[0])


def test_without_geometry_the_tags_alone_answer(fit_rows, held_out):
    items = [row for row in fit_rows if row.task == 1]
    blind = RelationModel.fit(
        [pair_of(row) for row in items], [row.relations[0] for row in items], inputs=("tags",)
    )
    pair = pair_of(held_out[0])
    moved = Pair(pair.subject, pair.object, Box(0, 1, 0, 1), Box(50, 90, 50, 90))
    assert np.array_equal(blind.probabilities([pair]), blind.probabilities([moved]))
    # The scenes' tags say nothing of the relation.
    assert accuracy(blind, held_out) < 0.4


def test_words_that_were_never_seen_are_no_error(model):
    pair = Pair("zebra", "quokka", Box(0, 20, 0, 20), Box(60, 100, 40, 80))
    assert np.isfinite(model.relation.probabilities([pair])).all()


def test_temperature_makes_claims_as_sure_as_they_are_right():
    claimed = np.tile([0.9, 0.1], (100, 1))
    target = np.asarray([0] * 70 + [1] * 30)
    tempered = _temper(claimed, _best_temperature(claimed, target))
    assert tempered[0, 0] == pytest.approx(0.7, abs=0.01)
