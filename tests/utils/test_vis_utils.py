"""Pictures of models, with Graphviz and without."""

import os
import re
import sys
import types
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from kforge import utils
from kforge.layers import LSTM, Add, Bidirectional, Concatenate, Dense, Input, TimeDistributed
from kforge.models import Model, Sequential
from kforge.utils.vis_utils import add_edge, is_model, is_wrapped_model, model_to_dot, plot_model

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def no_graphviz(monkeypatch):
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable))


def encoder():
    return Sequential([Dense(3, name="wide", input_shape=(4,)), Dense(2)], name="encoder")


def two_inputs():
    """Inputs image and extra; extra passes a model; a sum; two outputs."""
    image, extra = Input((4,), name="image"), Input((4,), name="extra")
    merged = Add(name="sum")([Dense(2, name="left")(image), encoder()(extra)])
    return Model([image, extra], [Dense(1, name="score")(merged), Dense(5, name="kind")(merged)])


def drawn(dot):
    """(texts with their places, boxes, curves) of a diagram's SVG."""
    root = ElementTree.fromstring(dot.create(prog="dot", format="svg"))
    texts = {t.text: (float(t.get("x")), float(t.get("y"))) for t in root.iter(f"{SVG}text")}
    placed = [rect for rect in root.iter(f"{SVG}rect") if rect.get("x")]
    boxes = [[float(rect.get(k)) for k in ("x", "y", "width", "height")] for rect in placed]
    return texts, boxes, list(root.iter(f"{SVG}path"))


def test_layers_are_drawn_below_those_they_come_from():
    texts, boxes, curves = drawn(model_to_dot(two_inputs()))
    assert set(texts) == {
        "image: InputLayer", "extra: InputLayer", "left: Dense", "encoder: Sequential", "sum: Add",
        "score: Dense", "kind: Dense",
    }  # fmt: skip
    height = {text.split(":")[0]: y for text, (_, y) in texts.items()}
    assert height["image"] < height["left"] < height["sum"] < height["score"] == height["kind"]
    assert height["extra"] < height["encoder"] < height["sum"]
    assert len(boxes) == 7 and len(curves) == 6


@pytest.mark.parametrize(
    "rankdir, axis, sign", [("TB", 1, 1), ("BT", 1, -1), ("LR", 0, 1), ("RL", 0, -1)]
)
def test_directions(rankdir, axis, sign):
    texts, boxes, _ = drawn(model_to_dot(two_inputs(), rankdir=rankdir))
    start, end = texts["image: InputLayer"][axis], texts["score: Dense"][axis]
    assert (end - start) * sign > 50
    apart(boxes)


def apart(boxes):
    for i, (x, y, w, h) in enumerate(boxes):
        for u, v, s, t in boxes[:i]:
            assert x + w < u or u + s < x or y + h < v or v + t < y


def test_shapes_are_shown_beside_names():
    texts, boxes, _ = drawn(model_to_dot(two_inputs(), show_shapes=True))
    assert {"input:", "output:", "(None, 2)", "[(None, 2), (None, 2)]"} <= set(texts)
    assert len(boxes) == 7 * 5
    label = re.search(r'label="(sum.*)"', model_to_dot(two_inputs(), show_shapes=True).to_string())
    assert label[1] == "sum: Add|{input:|output:}|{[(None, 2), (None, 2)]|(None, 2)}"


def test_names_may_be_left_out():
    texts, *_ = drawn(model_to_dot(two_inputs(), show_layer_names=False))
    assert set(texts) == {"InputLayer", "Dense", "Sequential", "Add"}


def test_nested_models_are_frames_that_edges_enter():
    dot = model_to_dot(two_inputs(), expand_nested=True)
    texts, boxes, curves = drawn(dot)
    assert {"encoder", "wide: Dense"} < set(texts)
    assert len(boxes) == 6 + 1 + 3 and len(curves) == 6 + 2
    frame = max(boxes, key=lambda box: box[2] * box[3])
    x, y = texts["wide: Dense"]
    assert frame[0] < x < frame[0] + frame[2] and frame[1] < y < frame[1] + frame[3]
    ends = [node for edge in dot.edges for node in edge]
    assert not any(key in ends for key, node in dot.nodes.items() if hasattr(node, "nodes"))
    assert "subgraph cluster_" in dot.to_string() and 'label="encoder"' in dot.to_string()


def test_names_stay_in_their_labels():
    name = 'x\\"];n [label="'
    model = Sequential([Sequential([Dense(2, input_shape=(4,), name="d\x1b")], name=name)])
    dot = model_to_dot(model, expand_nested=True)
    text = dot.to_string()
    quoted = re.findall(r'label="((?:[^"\\]|\\.)*)"', text)
    assert name in [label.replace('\\"', '"').replace("\\\\", "\\") for label in quoted]
    assert any(r"\x1b" in shown for shown in drawn(dot)[0]), "no XML text has such a character"


def test_wrappers_name_what_they_wrap_or_show_it():
    steps = Input((5, 4))
    model = Model(steps, Bidirectional(LSTM(2, name="memory"), name="both")(
        TimeDistributed(encoder(), name="each")(steps)))  # fmt: skip
    texts, *_ = drawn(model_to_dot(model))
    assert "both(memory): Bidirectional(LSTM)" in texts
    assert "each(encoder): TimeDistributed(Sequential)" in texts
    texts, *_ = drawn(model_to_dot(model, expand_nested=True))
    assert {"each(encoder)", "wide: Dense"} < set(texts)
    assert is_wrapped_model(model.layers[1]) and not is_wrapped_model(model.layers[2])
    assert is_model(model.layers[1].layer) and not is_model(model.layers[1])


def test_layers_that_are_called_again_are_drawn_once():
    x, layer, other = Input((2,)), Dense(2, name="again"), Dense(2, name="other")
    dot = model_to_dot(Model(x, layer(other(layer(layer(x))))))
    _, boxes, curves = drawn(dot)
    assert len(boxes) == 3 and len(dot.edges) == len(curves) == 4
    names = {key: box.title.split(":")[0] for key, box in dot.nodes.items()}
    found = {(names[a], names[b]) for a, b in dot.edges}
    assert {("again", "again"), ("again", "other"), ("other", "again")} < found


def test_long_edges_pass_beside_layers():
    x = start = Input((2,))
    for _ in range(4):
        x = Concatenate()([Dense(3)(x), start])
    _, boxes, curves = drawn(model_to_dot(Model(start, x)))
    apart(boxes)
    beside(boxes, curves)


def beside(boxes, curves):
    """Asserts that curves touch boxes at their ends only."""
    for curve in curves:
        points = [float(number) for number in re.findall(r"[-\d.]+", curve.get("d"))]
        points = list(zip(points[::2], points[1::2]))[::3]  # where the curves of one edge meet
        between = [
            (a + t * (c - a), b + t * (d - b))
            for (a, b), (c, d) in pairwise(points)
            for t in (0.2, 0.4, 0.6, 0.8)
        ]
        for px, py in [*points[1:-1], *between]:
            assert not any(x < px < x + w and y < py < y + h for x, y, w, h in boxes)


def test_edges_back_into_a_frame_do_not_cross_what_is_in_it():
    x, inner = Input((2,)), Sequential([Dense(2, input_shape=(2,)), Dense(2)])
    model = Model(x, inner(Add()([x, inner(x)])))
    _, boxes, curves = drawn(model_to_dot(model, expand_nested=True))
    frame = max(boxes, key=lambda box: box[2] * box[3])
    assert len(curves) == 6
    beside([box for box in boxes if box is not frame], curves)


def test_models_without_a_graph():
    chain = Sequential([Dense(3, name="first"), Dense(2, name="second")])
    assert len(model_to_dot(chain).edges) == 1
    texts, *_ = drawn(model_to_dot(chain, show_shapes=True))
    assert "multiple" in texts

    class Own(Model):
        def __init__(self):
            super().__init__()
            self.first, self.second = Dense(2, name="first"), Dense(2, name="second")

    assert list(drawn(model_to_dot(Own()))[0]) == ["first: Dense", "second: Dense"]


def test_files(tmp_path):
    model = two_inputs()
    for kind, start in (
        ("svg", b"<svg"),
        ("pdf", b"%PDF-1.4"),
        ("png", b"\x89PNG"),
        ("jpg", b"\xff\xd8"),
    ):
        if kind in ("png", "jpg"):
            pytest.importorskip("PIL")
        path = tmp_path / f"model.{kind}"
        utils.plot_model(model, str(path), show_shapes=True, expand_nested=True)
        assert path.read_bytes().startswith(start)
    dot = utils.model_to_dot(model)
    assert dot.write_svg(tmp_path / "other.svg") is True
    assert (tmp_path / "other.svg").read_bytes() == dot.create_svg() == dot._repr_svg_().encode()
    assert dot.write(tmp_path / "model.dot") and dot.create_dot() == dot.create(format="raw")
    assert (tmp_path / "model.dot").read_text() == dot.to_string()


def test_resolution():
    Image = pytest.importorskip("PIL.Image")
    import io

    sizes = [
        Image.open(io.BytesIO(model_to_dot(two_inputs(), dpi=dpi).create_png())).size
        for dpi in (72, 144)
    ]
    assert sizes[1] == pytest.approx([2 * n for n in sizes[0]], abs=2)
    root = ElementTree.fromstring(model_to_dot(two_inputs(), dpi=144).create_svg())
    assert float(root.get("width")) == pytest.approx(sizes[1][0], abs=2)


def test_pdf_can_be_found_its_way_in(tmp_path):
    pdf = model_to_dot(Sequential([Dense(2, name="a(b", input_shape=(3,))])).create_pdf()
    table = int(re.search(rb"startxref\n(\d+)", pdf)[1])
    assert pdf[table:].startswith(b"xref\n0 6\n")
    offsets = [int(line) for line in re.findall(rb"(\d{10}) 00000 n", pdf)]
    assert [pdf[o:].split()[0] for o in offsets] == [b"1", b"2", b"3", b"4", b"5"]
    assert rb"(a\(b: Dense) Tj" in pdf
    length = int(re.search(rb"<</Length (\d+)>>\nstream\n", pdf)[1])
    body = pdf.index(b"stream\n") + len(b"stream\n")
    assert pdf[body + length :].startswith(b"\nendstream")


def test_without_pillow_the_error_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pip install kforge\[plot\]. SVG and PDF need nothing"):
        plot_model(two_inputs(), str(tmp_path / "model.png"))
    assert not os.listdir(tmp_path)


def test_what_cannot_be_drawn():
    dot = model_to_dot(two_inputs())
    with pytest.raises(ValueError, match="Unknown rankdir 'XY'"):
        model_to_dot(two_inputs(), rankdir="XY")
    with pytest.raises(OSError, match="'neato' of Graphviz is not installed"):
        dot.create(prog="neato")
    pytest.importorskip("PIL")
    with pytest.raises(ValueError, match="'cmapx' is only to be had with Graphviz"):
        dot.create(format="cmapx")
    with pytest.raises(AttributeError, match="no attribute 'set_size'"):
        dot.set_size(3)


def test_edges_can_be_added_once():
    dot = model_to_dot(encoder())
    first, _, last = dot.nodes
    add_edge(dot, first, last)
    add_edge(dot, first, last)
    assert dot.edges.count((first, last)) == 1


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands for Graphviz")
def test_graphviz_draws_where_it_is_installed(tmp_path, monkeypatch):
    program = tmp_path / "dot"
    program.write_text('#!/bin/sh\necho "$@"\n/bin/cat\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    dot = model_to_dot(two_inputs())
    assert dot.create(format="cmapx").decode() == "-Tcmapx\n" + dot.to_string()
    assert dot.create(prog=["dot", "-v"], format="png").startswith(b"-v -Tpng\n")
    program.write_text('#!/bin/sh\necho "syntax error" >&2\nexit 1\n')
    with pytest.raises(OSError, match="dot -Tsvg failed: syntax error"):
        dot.create_svg()


def test_notebooks_show_the_picture(tmp_path, monkeypatch):
    shown = types.ModuleType("IPython.display")
    shown.SVG = lambda filename: ("svg", filename)
    shown.Image = lambda filename: ("image", filename)
    package = types.ModuleType("IPython")
    package.display = shown
    monkeypatch.setitem(sys.modules, "IPython", package)
    path = str(tmp_path / "m.svg")
    assert plot_model(encoder(), path) == ("svg", path)
    assert plot_model(encoder(), str(tmp_path / "m.pdf")) is None
    pytest.importorskip("PIL")
    path = str(tmp_path / "m.png")
    assert plot_model(encoder(), path) == ("image", path)
