"""The process that holds the Java virtual machine: PTB tokens, parses and scores of SPICE."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import jpype

from vsdkit.jvm.child_process import Requests
from vsdkit.jvm.parser import SentenceParser, Tuples, private_field

__all__ = ["main"]

# What pycocoevalcap's PTBTokenizer drops. It compares after lower-casing, so -LRB- never
# matches and brackets stay as "-lrb-": published numbers were made that way.
_PUNCTUATIONS = frozenset(
    (
        *("''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-"),
        *(".", "?", "!", ",", ":", "-", "--", "...", ";"),
    )
)


class _Tokenizer:
    """CoreNLP 3.4.1's PTB tokeniser, in a class loader of its own beside CoreNLP 3.6.0."""

    def __init__(self, jar: str) -> None:
        # The platform's loader as parent: the class path with the newer CoreNLP is not seen.
        platform = jpype.JClass("java.lang.ClassLoader").getPlatformClassLoader()
        url = jpype.JClass("java.io.File")(jar).toURI().toURL()
        url_type = jpype.JClass("java.net.URL")
        loader = jpype.JClass("java.net.URLClassLoader")(jpype.JArray(url_type)([url]), platform)
        package = "edu.stanford.nlp.process"
        self._tokenizer = jpype.JClass(f"{package}.PTBTokenizer", loader=loader)
        self._factory = jpype.JClass(f"{package}.CoreLabelTokenFactory", loader=loader)()
        self._reader = jpype.JClass("java.io.StringReader")
        self._join = jpype.JClass("edu.stanford.nlp.util.StringUtils", loader=loader).joinWords
        self._english = jpype.JClass("java.util.Locale").ENGLISH

    def tokenize(self, sentence: str) -> list[str]:
        """Return the words of one sentence as coco-caption counts them."""
        # pycocoevalcap's sentences stand in lines: ":)" before a line's end is another token.
        labels = self._tokenizer(self._reader(f"{sentence}\n"), self._factory, "").tokenize()
        # One string for all words: each crossing from Java to Python has its price.
        words = str(self._join(labels, "\n").toLowerCase(self._english)).split("\n")
        return [word for word in words if word and word not in _PUNCTUATIONS]


class _Spice:
    """SPICE 1.0's own classes: a sentence to tuples, tuples to graphs, graphs to F."""

    def __init__(self) -> None:
        package = "edu.anu.spice"
        self._parser = jpype.JClass(f"{package}.SpiceParser")(None, 1, True)
        self._graph = jpype.JClass(f"{package}.SceneGraph")
        self._tuple_set = jpype.JClass(f"{package}.TupleSet")
        self._evaluation = jpype.JClass(f"{package}.Evaluation")
        self._stats = jpype.JClass(f"{package}.SpiceStats")
        self._filters = _filters(jpype.JClass(f"{package}.TupleFilter"))
        self._list = jpype.JClass("java.util.ArrayList")
        self._synonyms = private_field(self._parser, "synonyms")
        self._sentence_parser: SentenceParser | None = None

    def parse(self, sentences: list[str]) -> Iterator[Tuples]:
        """Yield the tuples of each sentence as they come, as SPICE extracts them."""
        if self._sentence_parser is None:
            self._sentence_parser = SentenceParser(self._parser)
        return self._sentence_parser.parse(sentences)

    def evaluate(self, tuples: list[Tuples], cases: list[tuple[int, list[int]]]) -> list[float]:
        """Return F of each case: a sentence against the merged graph of its references."""
        graph = self._graphs(tuples)

        @cache
        def tuple_set(members: tuple[int, ...]) -> Any:
            return self._tuple_set(graph(members))

        return [
            float(self._evaluation(tuple_set((test,)), tuple_set(tuple(references)), False, True).f)
            for test, references in cases
        ]

    def evaluate_parts(
        self, tuples: list[Tuples], cases: list[tuple[int, list[int]]]
    ) -> list[dict[str, dict[str, float | None]]]:
        """Return the scores of each case as the published program writes them with ``-subset``."""
        graph = self._graphs(tuples)
        stats = self._stats(self._filters, False)
        for number, (test, references) in enumerate(cases):
            stats.score(number, graph((test,)), graph(tuple(references)), True)
        # One crossing for all: each number asked for on its own would be 49 of them a case. Java
        # writes NaN as null.
        return [case["scores"] for case in json.loads(str(stats.toJSONString()))]

    def match(
        self, tuples: list[Tuples], cases: list[tuple[int, list[int]]]
    ) -> list[list[list[tuple[list[str], bool]]]]:
        """Return the tuples of both sides of each case, each with whether it matched.

        They are what the published program writes with ``-detailed``.
        """
        graph = self._graphs(tuples)
        stats = self._stats(jpype.JClass("java.util.HashMap")(), True)
        for number, (test, references) in enumerate(cases):
            stats.score(number, graph((test,)), graph(tuple(references)), True)
        return [
            [
                [(one["tuple"], one["truth_value"]) for one in case[side]]
                for side in ("test_tuples", "ref_tuples")
            ]
            for case in json.loads(str(stats.toJSONString()))
        ]

    def _graphs(self, tuples: list[Tuples]) -> Callable[[tuple[int, ...]], Any]:
        """Return a function that merges some of the sentences into a graph, once."""
        # Most tuples stand in many sentences, and SPICE does not change them: one list for all.
        made: dict[tuple[str, ...], Any] = {}
        lists = [[self._java_list(tuple(parts), made) for parts in sentence] for sentence in tuples]

        @cache
        def graph(members: tuple[int, ...]) -> Any:
            merged = self._graph(self._synonyms, True)
            for member in members:
                for parts in lists[member]:
                    merged.addTuple(parts)
            return merged

        return graph

    def _java_list(self, parts: tuple[str, ...], made: dict[tuple[str, ...], Any]) -> Any:
        if parts not in made:
            made[parts] = self._list(parts)
        return made[parts]


def _filters(tuple_filter: Any) -> Any:
    """Return the kinds of tuples that SPICE scores apart, as its ``SpiceScorer`` names them."""
    filters = jpype.JClass("java.util.HashMap")()
    for kind in ("Object", "Attribute", "Relation", "Cardinality", "Color", "Size"):
        filters.put(kind, getattr(tuple_filter, f"{kind.lower()}Filter"))
    return filters


class _Server:
    """Answers requests one after the other; what a request needs is loaded at the first.

    Args:
        tokenizer_jar: The tokeniser's.
        tell_done: Is told of each sentence that is parsed.
    """

    def __init__(self, tokenizer_jar: str, tell_done: Callable[[int], None]) -> None:
        self._tokenizer_jar = tokenizer_jar
        self._tell_done = tell_done
        self._tokenizer: _Tokenizer | None = None
        self._spice: _Spice | None = None

    def answer(self, request: dict[str, Any]) -> Any:
        """Return what was asked for."""
        verbs: dict[str, Callable[[dict[str, Any]], Any]] = {
            "tokenize": self._tokenize,
            "parse": self._parse,
            "evaluate": self._evaluate,
            "evaluate_parts": self._evaluate_parts,
            "match": self._match,
        }
        return verbs[request["verb"]](request)

    def _tokenize(self, request: dict[str, Any]) -> list[list[str]]:
        if self._tokenizer is None:
            self._tokenizer = _Tokenizer(self._tokenizer_jar)
        return [self._tokenizer.tokenize(sentence) for sentence in request["sentences"]]

    def _parse(self, request: dict[str, Any]) -> list[Tuples]:
        parsed = []
        for tuples in self._load_spice().parse(request["sentences"]):
            parsed.append(tuples)
            self._tell_done(1)
        return parsed

    def _evaluate(self, request: dict[str, Any]) -> list[float]:
        return self._load_spice().evaluate(request["tuples"], request["cases"])

    def _evaluate_parts(self, request: dict[str, Any]) -> list[dict[str, dict[str, float | None]]]:
        return self._load_spice().evaluate_parts(request["tuples"], request["cases"])

    def _match(self, request: dict[str, Any]) -> list[list[list[tuple[list[str], bool]]]]:
        return self._load_spice().match(request["tuples"], request["cases"])

    def _load_spice(self) -> _Spice:
        if self._spice is None:
            self._spice = _Spice()
        return self._spice


def main() -> None:
    """Start Java as the first request says, then serve."""
    requests = Requests()
    waiting = iter(requests)
    start = next(waiting)
    jpype.startJVM(
        *start["arguments"],
        jvmpath=start["library"],
        classpath=start["class_path"],
        interrupt=False,
    )
    requests.answer(str(jpype.JClass("java.lang.System").getProperty("java.version")))
    server = _Server(start["tokenizer_jar"], requests.tell_done)
    for request in waiting:
        try:
            value = server.answer(request)
        except Exception as error:  # the edge of a process: the parent decides
            requests.refuse(error)
        else:
            requests.answer(value)


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        traceback.print_exc()
        # The reading thread would keep the interpreter from ending in order.
        os._exit(1)
