"""Sentences of tags and a relation."""

import json
from itertools import combinations

import pytest

from vsdkit.boxes.grammar import Caption, Grammar
from vsdkit.data.relations import RELATIONS
from vsdkit.wording import find_relations, words


@pytest.fixture(scope="module")
def captions() -> list[Caption]:
    sitting = ("a cat is sitting on a mat.", "a cat is sitting on a mat")
    growing = ("some grass is growing under the cows.", "some grass is growing under the cows")
    return [
        *[Caption("cat", "mat", "on", sitting)] * 60,
        *[Caption("grass", "cows", "under", growing)] * 60,
        *[Caption("trees", "house", "behind", ("there are many trees behind the house.",))] * 60,
    ]


@pytest.fixture(scope="module")
def grammar(captions) -> Grammar:
    return Grammar.learn(captions, captions)


def test_articles_and_verbs_are_those_of_the_captions(grammar):
    assert grammar.sentence("cat", "mat", "on", 1.0).startswith("a cat is sitting on")
    assert grammar.sentence("grass", "cows", "under", 1.0).startswith("some grass is growing under")


def test_plurals_have_the_plural_of_the_verb_and_their_article(grammar):
    assert grammar.sentence("trees", "house", "behind", 1.0) == (
        "there are many trees behind the house."
    )


def test_an_unknown_noun_gets_an_article_that_fits_its_first_letter(grammar):
    sentence = grammar.sentence("apple", "table", "on", 0.9)
    assert "an apple" in sentence or "the apple" in sentence


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize("tags", [("dog", "sofa"), ("street lights", "old man"), ("sky", "trees")])
def test_three_sentences_share_no_run_of_four_words(grammar, relation, tags):
    for sure in (0.0, 0.5, 1.0):
        sentences = grammar.sentences(*tags, relation, sure)
        runs = []
        for sentence in sentences:
            said = words(sentence)
            runs.append({said[at : at + 4] for at in range(len(said) - 3)})
        assert len(sentences) == 3
        assert not any(one & other for one, other in combinations(runs, 2)), sentences


@pytest.mark.parametrize("relation", RELATIONS)
def test_every_sentence_states_the_relation(grammar, relation):
    for sure in (0.0, 1.0):
        for sentence in (
            grammar.sentence("dog", "sofa", relation, sure),
            *grammar.sentences("dog", "sofa", relation, sure),
        ):
            stated = find_relations(sentence, "dog", "sofa")
            assert stated, sentence
            assert stated[0].relations[0] == relation, sentence


def test_a_grammar_without_captions_writes_sentences_too():
    grammar = Grammar.learn([], [])
    assert grammar.sentence("dog", "sofa", "on", 0.5).endswith(".")
    assert len(set(grammar.sentences("dog", "sofa", "on", 0.5))) == 3


def test_a_doubtful_relation_costs_less_where_it_is_not_the_whole_of_the_sentence(grammar):
    values = grammar.worth["all"]
    stated, shown = values["{S} {is} {r} {O}."], values["{S} {is} shown {r} {O}."]
    assert stated[0] - stated[1] > shown[0] - shown[1]


def test_a_grammar_is_the_same_after_json(grammar):
    again = Grammar.from_dict(json.loads(json.dumps(grammar.to_dict())))
    for relation in RELATIONS:
        for sure in (0.2, 0.9):
            asked = ("cat", "mat", relation, sure)
            assert again.sentence(*asked) == grammar.sentence(*asked)
            assert again.sentences(*asked) == grammar.sentences(*asked)
