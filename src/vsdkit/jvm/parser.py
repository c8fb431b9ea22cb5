"""SPICE's parse of a sentence, without the work that SPICE never reads.

It runs in the process that holds Java. The grammar, the classes and the tuples are those of
``edu.anu.spice.Annotator`` (spice-1.0.jar), which runs CoreNLP's whole pipeline. Here its
annotators are called one by one, so that

- named entities are not looked for: nothing in SPICE reads them;
- of three dependency graphs only the one that SPICE reads is made;
- the best tree is read off the chart. CoreNLP asks for the k best with k = 1, for which it works
  out the best tree of every cell. Where two trees are equal but for rounding, it is still asked;
- the chart is kept from one sentence to the next;
- the rules of the grammar lie in memory in the order in which the chart is filled: most of the
  time goes into that loop.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jpype

__all__ = ["SentenceParser", "Tuples", "new_pipeline", "private_field"]

Tuples = list[list[str]]

# All trees of the best score are asked for, and their number may grow with the power of the
# length. Their charts are small, too: with three times as many words they take nine times as much.
_MOST_WORDS = 20
_MOST_THREADS = 8


class SentenceParser:
    """Parses sentences to SPICE's tuples, several at a time.

    Args:
        spice_parser: An ``edu.anu.spice.SpiceParser``.
    """

    def __init__(self, spice_parser: Any) -> None:
        self._pipeline = new_pipeline()
        annotator = jpype.JClass("edu.stanford.nlp.pipeline.StanfordCoreNLP").getExistingAnnotator
        self._first = [annotator("tokenize"), annotator("ssplit")]
        self._lemma = annotator("lemma")
        parse = annotator("parse")
        self._grammar = private_field(parse, "parser")
        self._structures = private_field(parse, "gsf")
        self._extras = private_field(parse, "extraDependencies")
        _lay_out_rules(self._grammar.bg)
        self._annotation = jpype.JClass("edu.stanford.nlp.pipeline.Annotation")
        ling = "edu.stanford.nlp.ling.CoreAnnotations"
        self._sentences = jpype.JClass(f"{ling}$SentencesAnnotation").class_
        self._tokens = jpype.JClass(f"{ling}$TokensAnnotation").class_
        graphs = "edu.stanford.nlp.semgraph"
        self._graph = jpype.JClass(
            f"{graphs}.SemanticGraphCoreAnnotations$CollapsedCCProcessedDependenciesAnnotation"
        ).class_
        self._new_graph = jpype.JClass(
            f"{graphs}.SemanticGraphFactory"
        ).generateCCProcessedDependencies
        self._to_core_labels = jpype.JClass("edu.stanford.nlp.trees.Trees").convertToCoreLabels
        self._set_tags = jpype.JClass(
            "edu.stanford.nlp.pipeline.ParserAnnotatorUtils"
        ).setMissingTags
        self._spice_parser = spice_parser
        self._extract = spice_parser.getClass().getDeclaredMethod(
            "parseAnnotation", self._annotation.class_
        )
        self._extract.setAccessible(True)
        # The published program extracts tuples in one thread only.
        self._extracting = threading.Lock()
        self._kept = threading.local()
        self._threads = ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1))

    def parse(self, sentences: Sequence[str]) -> Iterator[Tuples]:
        """Yield the tuples of each sentence as they come, in the order of the sentences."""
        return self._threads.map(self._parse, sentences)

    def _parse(self, text: str) -> Tuples:
        annotation = self._annotation(text)
        for annotator in self._first:
            annotator.annotate(annotation)
        for sentence in annotation.get(self._sentences):
            tree = self._best_tree(sentence.get(self._tokens))
            if tree is None:
                # No tree: CoreNLP's own pipeline has a stand-in for it.
                annotation = self._annotation(text)
                self._pipeline.annotate(annotation)
                break
            self._to_core_labels(tree)
            tree.indexSpans(0)
            self._set_tags(sentence, tree)
            structure = self._structures.newGrammaticalStructure(tree)
            sentence.set(self._graph, self._new_graph(structure, self._extras))
        else:
            self._lemma.annotate(annotation)
        with self._extracting:
            found = private_field(self._extract.invoke(self._spice_parser, annotation), "tuples")
        return [[str(word) for word in parts] for parts in found]

    def _best_tree(self, words: Any) -> Any:
        short = words.size() <= _MOST_WORDS
        # The chart of a long sentence is too large to be kept.
        query = self._kept_query() if short else self._grammar.parserQuery()
        if not query.parse(words):
            return None
        if short and query.getBestPCFGParses().size() == 1:
            return query.getBestPCFGParse()
        best = query.getKBestPCFGParses(1)
        return best[0].object() if best else None

    def _kept_query(self) -> Any:
        if not hasattr(self._kept, "query"):
            self._kept.query = self._grammar.parserQuery()
        return self._kept.query


def new_pipeline() -> Any:
    """Return CoreNLP's pipeline as SPICE starts it, but for named entities."""
    properties = jpype.JClass("java.util.Properties")()
    properties.setProperty("annotators", "tokenize,ssplit,parse,lemma")
    properties.setProperty("depparse.extradependencies", "MAXIMAL")
    return jpype.JClass("edu.stanford.nlp.pipeline.StanfordCoreNLP")(properties)


def private_field(instance: Any, name: str) -> Any:
    """Return the value of a field that its class does not show."""
    field = instance.getClass().getDeclaredField(name)
    field.setAccessible(True)
    return field.get(instance)


def _lay_out_rules(grammar: Any) -> None:
    """Put copies of the binary rules side by side, in the order in which a chart cell reads them.

    They were made in the order of the grammar's file, far from their neighbours.
    """
    rule_type = jpype.JClass("edu.stanford.nlp.parser.lexparser.BinaryRule")
    states = private_field(grammar, "index").size()
    for rules_of in (grammar.splitRulesWithLC, grammar.splitRulesWithRC):
        for state in range(states):
            rules = rules_of(state)
            for place, rule in enumerate(rules):
                rules[place] = rule_type(
                    rule.parent(), rule.leftChild, rule.rightChild, rule.score()
                )
