"""Diagrams of boxes and arrows: drawn by Graphviz where it is installed, and without it, too."""

import os
import re
import shutil
import subprocess

from .drawings import FONT_SIZE, Drawing, text_width
from .graph_layout import arrange

__all__ = ["Box", "Diagram"]

_LINE = 1.25 * FONT_SIZE
_PADDING = (8, 7)
_GAPS = (18, 28)  # between boxes, across and along the edges
_MARGIN = 8
_FRAME = 10  # the margin within a frame
_ARROW = (3.5, 8)  # half its width, its length
_DIRECTIONS = ("TB", "BT", "LR", "RL")


class Box:
    """A node: a title and, beside it, pairs of texts in a table."""

    def __init__(self, title, rows=()):
        self.title, self.rows = title, list(rows)
        texts = [[title], *zip(*self.rows)]
        self.columns = [max(map(text_width, column)) + 2 * _PADDING[0] for column in texts]
        self.size = sum(self.columns), max(len(self.rows), 1) * _LINE + 2 * _PADDING[1]

    def dot(self):
        """The label of a record of Graphviz."""
        columns = [[self.title], *zip(*self.rows)]
        fields = ["|".join(map(_escape, column)) for column in columns]
        return "|".join(f if len(c) == 1 else f"{{{f}}}" for f, c in zip(fields, columns))

    def draw(self, drawing, x, y):
        """Draws the box around a middle."""
        width, height = self.size
        left, top = x - width / 2, y - height / 2
        columns = [[self.title], *zip(*self.rows)]
        for column, column_width in zip(columns, self.columns):
            cell = height / len(column)
            for k, text in enumerate(column):
                drawing.boxes.append((left, top + k * cell, column_width, cell, False))
                drawing.texts.append((left + column_width / 2, top + (k + 0.5) * cell, text))
            left += column_width


def _escape(text):
    return re.sub(r'([\\{}|<>"])', r"\\\1", text)


class Diagram:
    """A directed graph: `nodes`, {id: Box or Diagram}, and `edges`, [(id, id), ...].

    A diagram within another one is a dashed frame with a title. Ids are unique among all, and
    edges may end within frames. Has the methods of pydot's graphs that write files: `to_string`,
    `create` and `write`, and `create_svg`, `write_png`, ...
    """

    def __init__(self, title="", rankdir="TB", dpi=96):
        if rankdir not in _DIRECTIONS:
            raise ValueError(f"Unknown rankdir {rankdir!r}. Expected one of {_DIRECTIONS}.")
        self.title, self.rankdir, self.dpi = title, rankdir, dpi
        self.nodes, self.edges = {}, []

    # ---- text ----

    def to_string(self):
        """The diagram in the language of Graphviz."""
        body = [f"rankdir={self.rankdir};", "concentrate=True;", f"dpi={self.dpi};"]
        return "\n".join(["digraph G {", *body, "node [shape=record];", *self._dot(), "}", ""])

    def _dot(self):
        for key, node in self.nodes.items():
            if isinstance(node, Box):
                yield f'{key} [label="{node.dot()}"];'
            else:
                title = re.sub(r'(["\\])', r"\\\1", node.title)
                yield f'subgraph cluster_{key} {{\nstyle=dashed; labeljust=l; label="{title}";'
                yield from node._dot()
                yield "}"
        for a, b in self.edges:
            yield f"{a} -> {b};"

    # ---- files ----

    def create(self, prog=None, format="svg"):
        """The bytes of a file, made by the Graphviz program `prog` ("dot") if it is installed.

        Without it, and without others being asked for, formats are "dot", "svg", "pdf" and those
        of Pillow, such as "png". Raises `OSError` if Graphviz fails, `ValueError` for others.
        """
        prog = prog or "dot"
        program, *options = [prog] if isinstance(prog, str) else prog
        if format == "raw":
            return self.to_string().encode()
        found = shutil.which(program)
        if found:
            return _run([found, *options, f"-T{format}"], self.to_string())
        if os.path.basename(program) not in ("dot", "dot.exe"):
            raise OSError(f"The program {program!r} of Graphviz is not installed.")
        if format in ("dot", "gv"):
            return self.to_string().encode()
        drawing = self.draw()
        if format == "svg":
            return drawing.svg(self.dpi)
        if format == "pdf":
            return drawing.pdf()
        try:
            return drawing.pixels(self.dpi, format)
        except KeyError:
            raise ValueError(
                f"Format {format!r} is only to be had with Graphviz (https://graphviz.org), whose "
                'program "dot" is not installed. Expected "svg", "pdf", "png" or "jpg".'
            ) from None

    def write(self, path, prog=None, format="raw"):
        """Writes what `create` gives into a file."""
        content = self.create(prog, format)
        with open(path, "wb") as file:
            file.write(content)
        return True

    def __getattr__(self, name):
        verb, _, kind = name.partition("_")
        if verb == "create" and kind:
            return lambda prog=None: self.create(prog, kind)
        if verb == "write" and kind:
            return lambda path, prog=None: self.write(path, prog, kind)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _repr_svg_(self):
        return self.create(format="svg").decode()

    # ---- drawing ----

    def draw(self):
        """The diagram as a `Drawing`."""
        plan = _Plan(self, self.rankdir)
        is_lying = self.rankdir in ("LR", "RL")
        width, height = plan.size[::-1] if is_lying else plan.size
        drawing = Drawing(width + 2 * _MARGIN, height + 2 * _MARGIN)

        def place(across, along):
            along = plan.size[1] - along if self.rankdir in ("BT", "RL") else along
            x, y = (along, across) if is_lying else (across, along)
            return x + _MARGIN, y + _MARGIN

        plan.draw(drawing, place, (0, 0))
        return drawing


def _run(command, text):
    done = subprocess.run(command, input=text.encode(), capture_output=True)
    if done.returncode:
        raise OSError(f"{' '.join(command)} failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


class _Plan:
    """Where the boxes and edges of a diagram go, in coordinates (across, along)."""

    def __init__(self, diagram, rankdir, frame=0):
        """`frame` is how wide the margin within a frame is; 0 where there is no frame."""
        self.diagram = diagram
        is_lying = rankdir in ("LR", "RL")
        inner = {k: n for k, n in diagram.nodes.items() if isinstance(n, Diagram)}
        self.inner = {k: _Plan(n, rankdir, _FRAME) for k, n in inner.items()}
        self.sizes = {
            k: self.inner[k].size if k in self.inner else n.size[::-1] if is_lying else n.size
            for k, n in diagram.nodes.items()
        }
        self.home = {k: k for k in diagram.nodes}
        for key, plan in self.inner.items():
            self.home.update(dict.fromkeys(plan.middles, key))
        edges = [(self.home[a], self.home[b]) for a, b in diagram.edges]
        ports = [(self._port(a), self._port(b)) for a, b in diagram.edges]
        self.layout = arrange(self.sizes, edges, _GAPS, ports)
        title = _LINE if frame else 0
        self.inset = (frame + title * is_lying, frame + title * (rankdir == "TB"))
        width, length = (a + b + frame for a, b in zip(self.inset, self.layout.size))
        length += title * (rankdir == "BT")
        needed = text_width(diagram.title) + 2 * frame if frame else 0
        self.size = (width, max(length, needed)) if is_lying else (max(width, needed), length)
        self._find_middles()

    def _find_middles(self):
        """The middles, and halves of the lengths, of all boxes, those within frames, too."""
        self.middles, self.halves = {}, {}
        for key, (across, along) in self.layout.places.items():
            middle = across + self.inset[0], along + self.inset[1]
            plan = self.inner.get(key)
            if plan is None:
                self.middles[key], self.halves[key] = middle, self.sizes[key][1] / 2
                continue
            corner = [m - s / 2 for m, s in zip(middle, plan.size)]
            for inside, place in plan.middles.items():
                self.middles[inside] = corner[0] + place[0], corner[1] + place[1]
            self.halves.update(plan.halves)

    def _port(self, key):
        """How far from the middle of its frame, if it is in one, a box is."""
        plan = self.inner.get(self.home[key])
        return plan.middles[key][0] - plan.size[0] / 2 if plan else 0

    def draw(self, drawing, place, corner):
        """Draws boxes, frames and edges, from a corner on; `place` gives x and y."""

        def shifted(point):
            return point[0] + corner[0], point[1] + corner[1]

        for key, (across, along) in self.layout.places.items():
            middle = shifted((across + self.inset[0], along + self.inset[1]))
            plan = self.inner.get(key)
            if plan is None:
                self.diagram.nodes[key].draw(drawing, *place(*middle))
                continue
            start = [m - s / 2 for m, s in zip(middle, plan.size)]
            end = [m + s / 2 for m, s in zip(middle, plan.size)]
            _draw_frame(drawing, plan.diagram.title, place(*start), place(*end))
            plan.draw(drawing, place, start)
        for (a, b), route in zip(self.diagram.edges, self.layout.routes):
            if not route:
                self._draw_loop(drawing, place, shifted(self.middles[a]), self.sizes[a])
                continue
            route = [(p + self.inset[0], q + self.inset[1]) for p, q in route]
            sign = 1 if route[-1][1] >= route[0][1] else -1
            # Against the direction of the others, edges end at a frame: boxes would be in the way.
            start, end = (
                (self.middles[k][0], self.middles[k][1] + s * self.halves[k])
                if sign == 1 or self.home[k] == k
                else at
                for k, s, at in ((a, sign, route[0]), (b, -sign, route[-1]))
            )
            points = [shifted(p) for p in (start, *route, end)]
            _draw_arrow(drawing, place, points, sign)

    def _draw_loop(self, drawing, place, middle, size):
        """Draws an arrow from a box to itself."""
        side, step = middle[0] + size[0] / 2, size[1] / 4
        out = side + _GAPS[0] - 4
        points = [
            (side, middle[1] - step), (out, middle[1] - step), (out, middle[1] + step),
            (side + _ARROW[1], middle[1] + step),
        ]  # fmt: skip
        tip = (side, middle[1] + step)
        head = [tip, *((side + _ARROW[1], tip[1] + s * _ARROW[0]) for s in (1, -1))]
        drawing.curves.append([place(*p) for p in points])
        drawing.heads.append([place(*p) for p in head])


def _draw_frame(drawing, title, start, end):
    left, right = sorted((start[0], end[0]))
    top, bottom = sorted((start[1], end[1]))
    drawing.boxes.append((left, top, right - left, bottom - top, True))
    x, y = left + _FRAME + text_width(title) / 2, top + (_FRAME + _LINE) / 2
    drawing.texts.append((x, y, title))


def _draw_arrow(drawing, place, points, sign):
    """Draws a curve through points, which leaves and arrives along the edges, and its head."""
    tip = points[-1]
    base = tip[1] - sign * _ARROW[1]
    curve = [points[0]]
    for (a, b), (c, d) in zip(points, [*points[1:-1], (tip[0], base)]):
        if (a, b) != (c, d):
            curve += [(a, (b + d) / 2), (c, (b + d) / 2), (c, d)]
    drawing.curves.append([place(*p) for p in curve])
    head = [tip, (tip[0] - _ARROW[0], base), (tip[0] + _ARROW[0], base)]
    drawing.heads.append([place(*p) for p in head])
