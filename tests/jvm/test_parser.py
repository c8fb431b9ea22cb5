from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from vsdkit.jvm import spice_class_path
from vsdkit.jvm.files import java_library

pytestmark = pytest.mark.java

# CoreNLP's whole pipeline, named entities and all, as spice-1.0.jar runs it; then ours, in one
# Java virtual machine: in the order given, then backwards, so that charts are used again.
BOTH = """
import json, sys
import jpype
from vsdkit.jvm.parser import SentenceParser, private_field

given = json.load(sys.stdin)
jpype.startJVM(
    "-Xmx3g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "--enable-native-access=ALL-UNNAMED",
    jvmpath=given["library"], classpath=given["class_path"],
)
spice_parser = jpype.JClass("edu.anu.spice.SpiceParser")(None, 1, True)
properties = jpype.JClass("java.util.Properties")()
properties.setProperty("annotators", "tokenize,ssplit,parse,lemma")
pipeline = jpype.JClass("edu.stanford.nlp.pipeline.StanfordCoreNLP")(properties)
annotation = jpype.JClass("edu.stanford.nlp.pipeline.Annotation")
extract = spice_parser.getClass().getDeclaredMethod("parseAnnotation", annotation.class_)
extract.setAccessible(True)

def published(sentence):
    done = annotation(sentence)
    pipeline.annotate(done)
    found = private_field(extract.invoke(spice_parser, done), "tuples")
    return [[str(word) for word in parts] for parts in found]

expected = [published(sentence) for sentence in given["sentences"]]
parser = SentenceParser(spice_parser)
found = list(parser.parse(given["sentences"]))
again = list(parser.parse(given["sentences"][::-1]))[::-1]
print(json.dumps([expected, found, again]), file=sys.__stdout__, flush=True)
"""

SPECIAL = [
    "a man who wears a hat rides a horse . two dogs watch him",
    "red",
    "x y z",
    "the the the of of",
    "! ? .",
    "-lrb- a cup -rrb-",
    "three 3 cups 12 % of them",
    "two 's company",
    "a caf\u00e9 table \u2028 next to \U0001f600",
    "a cup on a tray in front of a box next to a lamp behind a chair under a shelf above a bed",
    " ".join(["a cup on a tray beside"] * 8),
]


def captions(count: int) -> list[str]:
    """Return sentences in the manner of captions, many of them open to several readings."""
    draw = random.Random(0)
    things = ["man", "dog", "cup", "table", "train", "window", "light", "building", "truck"]
    kinds = ["small", "red", "stuffed", "parked", "standing", "white", "wooden", "two", "many"]
    words = ["next to", "in front of", "on the left of", "behind", "under", "above"]
    patterns = [
        "{0} {r} {1}",
        "the {k} {0} is {r} the {1}",
        "there are {k} {0} {r} a {1}",
        "{k} {0} {r} the {1} and a {2} {r} it",
        "a {0} standing {r} a {1} with a {k} {2}",
        "man holding {0} {r} {1}",
    ]
    return [
        draw.choice(patterns).format(
            *draw.sample(things, 3), k=draw.choice(kinds), r=draw.choice(words)
        )
        for _ in range(count)
    ]


def test_tuples_are_those_of_the_whole_pipeline(spice_files: Path) -> None:
    sentences = [*captions(120), *SPECIAL]
    given = {
        "library": str(java_library()),
        "class_path": [str(path) for path in spice_class_path()],
        "sentences": sentences,
    }
    done = subprocess.run(
        [sys.executable, "-c", BOTH], input=json.dumps(given), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    expected, found, again = json.loads(done.stdout.splitlines()[-1])
    assert sum(map(len, expected)) > 3 * len(sentences)
    differing = [
        (sentence, theirs, ours)
        for sentence, theirs, ours in zip(sentences, expected, found, strict=True)
        if theirs != ours
    ]
    assert differing == []
    assert again == found
