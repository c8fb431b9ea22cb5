"""Write scene graphs: the objects of each image and the relations that a model named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from vsdkit.data.jsonl import dump_document, open_atomic
from vsdkit.data.records import Box, GoldRow, PredictionRow
from vsdkit.errors import VsdkitError
from vsdkit.formats.detections.found import Detected, number_labels
from vsdkit.reporting import printable

__all__ = ["write_scene_graphs"]


class _Edge(NamedTuple):
    subject: str
    object: str
    relation: str
    probability: float | None


@dataclass(frozen=True, slots=True)
class _Graph:
    image: str
    nodes: Mapping[tuple[str, Box | None], str]
    """Label and box of each object to its name."""
    edges: list[_Edge] = field(default_factory=list)


def write_scene_graphs(
    path: Path,
    rows: Sequence[GoldRow],
    predictions: Iterable[PredictionRow],
    *,
    objects: Mapping[str, Sequence[Detected]],
    least: float | None = None,
) -> str:
    """Write a graph of each image, and return in one line what was written.

    Nodes are the objects with their boxes, those without a relation too; an edge goes from a
    subject to its object. JSON is a list with the node-link data of each image, which
    ``networkx.node_link_graph(one, edges="edges")`` reads; DOT has a digraph an image.

    Args:
        path: The file; its suffix is one of ``settings.defaults.GRAPH_SUFFIXES``.
        rows: What was asked.
        predictions: What was answered; task 1 counts.
        objects: Image to its detected objects, in their order; images of other items have none.
        least: Leave relations out that are less probable than this.

    Raises:
        VsdkitError: If a relation has no probability and ``least`` is given, or the file cannot be
            written.
    """
    graphs = {image: _Graph(image, nodes) for image, nodes in _nodes(rows, objects).items()}
    asked = {row.id: row for row in rows if row.task == 1}
    unread = unlikely = 0
    for answer in predictions:
        row = asked.get(answer.id)
        if row is None or answer.task != 1:
            continue
        if not isinstance(answer.prediction, str):
            unread += 1
            continue
        probability = (answer.probabilities or {}).get(answer.prediction)
        if least is not None and _require(probability, answer) < least:
            unlikely += 1
            continue
        nodes = graphs[row.image].nodes
        ends = (nodes[row.subject, row.subject_box], nodes[row.object, row.object_box])
        graphs[row.image].edges.append(_Edge(*ends, answer.prediction, probability))
    write = _json if path.suffix.lower() == ".json" else _dot
    with open_atomic(path) as file:
        file.write(write(graphs.values()))
    return _told(path, graphs.values(), unread=unread, unlikely=unlikely, least=least)


def _require(probability: float | None, answer: PredictionRow) -> float:
    if probability is None:
        raise VsdkitError(
            "a relation without a probability, which --least compares",
            where=str(answer.key),
            hint="weigh the nine labels: --label likelihood; or leave --least out",
        )
    return probability


def _nodes(
    rows: Iterable[GoldRow], objects: Mapping[str, Sequence[Detected]]
) -> dict[str, dict[tuple[str, Box | None], str]]:
    """Return each image's objects, named as the ids of detected items name them."""
    found = dict[str, dict[tuple[str, Box | None], str]]()
    for image, detected in objects.items():
        found[image] = {(one.label, one.box if one.in_pixels else None): "" for one in detected}
    for row in rows:
        nodes = found.setdefault(row.image, {})
        nodes[row.subject, row.subject_box] = nodes[row.object, row.object_box] = ""
    return {
        image: dict(zip(nodes, number_labels(label for label, _ in nodes), strict=True))
        for image, nodes in found.items()
    }


def _told(
    path: Path, graphs: Iterable[_Graph], *, unread: int, unlikely: int, least: float | None
) -> str:
    graphs = list(graphs)
    nodes, edges = (
        sum(map(len, parts))
        for parts in zip(*((one.nodes, one.edges) for one in graphs), strict=True)
    )
    told = f"{path}: scene graphs of {len(graphs):,} images, {nodes:,} objects, {edges:,} relations"
    if unlikely:
        told += f"; {unlikely:,} left out that are less probable than {least:g}"
    if unread:
        told += f"; {unread:,} pairs without a relation that could be read"
    return told


def _json(graphs: Iterable[_Graph]) -> str:
    return dump_document([_node_link(graph) for graph in graphs])


def _node_link(graph: _Graph) -> dict[str, Any]:
    return {
        "directed": True,
        "multigraph": False,
        "graph": {"image": graph.image},
        "nodes": [
            {"id": name, "label": label, "box": None if box is None else list(box)}
            for (label, box), name in graph.nodes.items()
        ],
        "edges": [
            {
                "source": edge.subject,
                "target": edge.object,
                "relation": edge.relation,
                "probability": edge.probability,
            }
            for edge in graph.edges
        ],
    }


def _dot(graphs: Iterable[_Graph]) -> str:
    return "\n".join("\n".join([*_digraph(graph), ""]) for graph in graphs)


def _digraph(graph: _Graph) -> Iterator[str]:
    # Numbers, not labels, name the nodes: in a name of graphviz a colon would part off a port.
    numbers = {name: f"n{number}" for number, name in enumerate(graph.nodes.values())}
    yield f"digraph {_quote(graph.image)} {{"
    yield f"  label={_quote(graph.image)};"
    for (_, box), name in graph.nodes.items():
        where = "" if box is None else f", box={_quote(', '.join(f'{edge:g}' for edge in box))}"
        yield f"  {numbers[name]} [label={_quote(name)}{where}];"
    for edge in graph.edges:
        chance = "" if edge.probability is None else f" ({edge.probability:.2f})"
        label = _quote(f"{edge.relation}{chance}")
        yield f"  {numbers[edge.subject]} -> {numbers[edge.object]} [label={label}];"
    yield "}"


def _quote(text: str) -> str:
    r"""Return a text as a quoted string of DOT.

    >>> print(_quote('the "red" box' + chr(10) + 'C:' + chr(92) + 'N'))
    "the \"red\" box\nC:\\N"
    """
    # A backslash begins an escape in labels: \N would be the node's name.
    plain = re.sub(r'([\\"])', r"\\\1", printable(text))
    return f'"{plain}"'.replace("\n", r"\n")
