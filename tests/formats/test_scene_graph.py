"""Scene graphs as networkx and graphviz read them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import networkx as nx
import pytest

from vsdkit.data.records import Box, GoldRow, PredictionRow
from vsdkit.errors import VsdkitError
from vsdkit.formats.detections import Detected
from vsdkit.formats.scene_graph import write_scene_graphs

DOG, DOG_2, SOFA = Box(0, 10, 0, 10), Box(0, 10, 20, 30), Box(5, 40, 0, 40)
OBJECTS = {
    "1.jpg": [
        Detected("dog", "dog", DOG),
        Detected("lamp", "lamp", Box(0, 9, 60, 70)),
        Detected("dog#2", "dog", DOG_2),
        Detected("sofa", "sofa", SOFA),
    ],
    'a "b".jpg': [Detected('the \\N "best" kite', 'the \\N "best" kite', DOG)],
}
ROWS = [
    # The second dog first: names follow the objects' order, not that of the rows.
    GoldRow("b", "1.jpg", 1, "dog", "sofa", DOG_2, SOFA),
    GoldRow("a", "1.jpg", 1, "dog", "sofa", DOG, SOFA),
    GoldRow("a", "1.jpg", 2, "dog", "sofa", DOG, SOFA),
    GoldRow("c", "1.jpg", 1, "sofa", "dog", SOFA, DOG),
    GoldRow("d", "1.jpg", 1, "dog", "dog", DOG, DOG_2),
]
ANSWERS = [
    PredictionRow("b", 1, "next to", "next to", {"next to": 0.75, "on": 0.25}),
    PredictionRow("a", 1, "on", "on", {"on": 0.9}),
    PredictionRow("a", 2, "the dog is on the sofa.", ""),
    PredictionRow("c", 1, "under", "under", {"under": 0.3}),
    PredictionRow("d", 1, None, "I cannot say"),
]


def test_networkx_reads_each_graph(tmp_path: Path) -> None:
    path = tmp_path / "graph.json"
    told = write_scene_graphs(path, ROWS, ANSWERS, objects=OBJECTS)
    graphs = [nx.node_link_graph(one, edges="edges") for one in json.loads(path.read_text())]
    assert [one.graph["image"] for one in graphs] == list(OBJECTS)
    first = graphs[0]
    assert isinstance(first, nx.DiGraph)
    assert list(first.nodes) == ["dog", "lamp", "dog#2", "sofa"]
    assert first.nodes["dog#2"] == {"label": "dog", "box": list(DOG_2)}
    assert dict(first.edges) == {
        ("dog", "sofa"): {"relation": "on", "probability": 0.9},
        ("dog#2", "sofa"): {"relation": "next to", "probability": 0.75},
        ("sofa", "dog"): {"relation": "under", "probability": 0.3},
    }
    assert told == (
        f"{path}: scene graphs of 2 images, 5 objects, 3 relations; 1 pairs without a relation "
        "that could be read"
    )
    # And networkx would write the same keys.
    written = json.loads(path.read_text())[0]
    assert nx.node_link_data(first, edges="edges").keys() == written.keys()


def test_relations_below_the_least_probability_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "graph.json"
    told = write_scene_graphs(path, ROWS, ANSWERS, objects=OBJECTS, least=0.75)
    edges = json.loads(path.read_text())[0]["edges"]
    assert [edge["relation"] for edge in edges] == ["next to", "on"]
    assert "1 left out that are less probable than 0.75" in told


def test_a_relation_without_a_probability_cannot_be_compared(tmp_path: Path) -> None:
    path = tmp_path / "graph.json"
    with pytest.raises(VsdkitError, match="without a probability, which --least compares"):
        write_scene_graphs(path, ROWS, [PredictionRow("a", 1, "on")], objects={}, least=0.5)
    assert not path.exists()


def test_items_of_ones_own_make_a_graph_too(tmp_path: Path) -> None:
    path = tmp_path / "graph.json"
    rows = [GoldRow("1", "1.jpg", 1, "kite", "tree"), GoldRow("2", "1.jpg", 1, "dog", "kite")]
    answers = [PredictionRow("1", 1, "above"), PredictionRow("2", 1, "under")]
    write_scene_graphs(path, rows, answers, objects={})
    (graph,) = json.loads(path.read_text())
    assert [node["id"] for node in graph["nodes"]] == ["kite", "tree", "dog"]
    assert graph["edges"][0]["probability"] is None


def test_dot_holds_a_digraph_an_image_with_labels_escaped(tmp_path: Path) -> None:
    path = tmp_path / "graph.dot"
    write_scene_graphs(path, ROWS, ANSWERS, objects=OBJECTS)
    assert path.read_text() == (
        'digraph "1.jpg" {\n'
        '  label="1.jpg";\n'
        '  n0 [label="dog", box="0, 10, 0, 10"];\n'
        '  n1 [label="lamp", box="0, 9, 60, 70"];\n'
        '  n2 [label="dog#2", box="0, 10, 20, 30"];\n'
        '  n3 [label="sofa", box="5, 40, 0, 40"];\n'
        '  n2 -> n3 [label="next to (0.75)"];\n'
        '  n0 -> n3 [label="on (0.90)"];\n'
        '  n3 -> n0 [label="under (0.30)"];\n'
        "}\n"
        "\n"
        'digraph "a \\"b\\".jpg" {\n'
        '  label="a \\"b\\".jpg";\n'
        '  n0 [label="the \\\\N \\"best\\" kite", box="0, 10, 0, 10"];\n'
        "}\n"
    )


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
def test_graphviz_draws_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "graph.dot"
    write_scene_graphs(path, ROWS, ANSWERS, objects=OBJECTS)
    drawn = subprocess.run(["dot", "-Tplain", path], capture_output=True, text=True, check=True)
    assert not drawn.stderr
    assert drawn.stdout.count("\nedge ") == 3
    assert 'the \\\\N \\"best\\" kite' in drawn.stdout
