"""Line drawings with text, written as SVG, PDF or, with Pillow, as pixels.

Units are points, 1/72 inch; y grows downwards.
"""

import io
import itertools
from html import escape

from .terminal import printable

__all__ = ["FONT_SIZE", "Drawing", "text_width"]

FONT_SIZE = 14
_MAX_PIXELS = 32767  # a side, as many viewers take

# Widths of Helvetica's characters, in thousandths of its size.
_WIDTHS = {
    char: width
    for width, chars in {
        191: "'", 222: "ijl", 260: "|", 278: " !,./:;I[\\]ft", 333: "()-`r", 334: "{}", 355: '"',
        389: "*", 469: "^", 500: "Jcksvxyz", 556: "#$0123456789?L_abdeghnopqu", 584: "+<=>~",
        611: "FTZ", 667: "&ABEKPSVXY", 722: "CDHNRUw", 778: "GOQ", 833: "Mm", 889: "%", 944: "W",
        1015: "@",
    }.items()
    for char in chars
}  # fmt: skip


def text_width(text):
    """How wide a text is."""
    return sum(_WIDTHS.get(char, 1000) for char in text) * FONT_SIZE / 1000


class Drawing:
    """Boxes, curves, arrow heads and texts."""

    def __init__(self, width, height):
        self.width, self.height = width, height
        self.boxes = []  # (x, y, width, height, whether dashed)
        self.curves = []  # cubic Bezier curves: [(x, y), ...] of 1 + 3 n points
        self.heads = []  # filled triangles: [(x, y)] * 3
        self.texts = []  # (x, y of the middle, text)

    def svg(self, dpi):
        """An SVG file, `dpi` pixels an inch."""
        scale = dpi / 72
        found = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width * scale:.0f}" '
            f'height="{self.height * scale:.0f}" viewBox="0 0 {self.width:.6g} {self.height:.6g}">',
            '<rect width="100%" height="100%" fill="white"/>',
            '<g fill="none" stroke="black">',
        ]
        for x, y, width, height, is_dashed in self.boxes:
            dashes = ' stroke-dasharray="5,2"' if is_dashed else ""
            found.append(
                f'<rect x="{x:.6g}" y="{y:.6g}" width="{width:.6g}" height="{height:.6g}"{dashes}/>'
            )
        for start, *points in self.curves:
            found.append(f'<path d="M{_pairs([start])}C{_pairs(points)}"/>')
        found.append('</g><g fill="black">')
        found += [f'<polygon points="{_pairs(points)}"/>' for points in self.heads]
        found.append(
            '</g><g font-family="Helvetica,Arial,Liberation Sans,sans-serif" '
            f'font-size="{FONT_SIZE}" text-anchor="middle">'
        )
        for x, y, text in self.texts:
            place = f'x="{x:.6g}" y="{y + 0.35 * FONT_SIZE:.6g}"'
            fit = f'textLength="{text_width(text):.6g}" lengthAdjust="spacingAndGlyphs"'
            text = escape(printable(text))
            found.append(f"<text {place} {fit}>{text}</text>")  # in wider fonts, too
        return "\n".join([*found, "</g></svg>\n"]).encode()

    def pdf(self):
        """A PDF file of one page, in vectors."""

        def place(points):
            return " ".join(f"{x:.6g} {self.height - y:.6g}" for x, y in points)

        found = []
        for x, y, width, height, is_dashed in self.boxes:
            dashes = "[5 2] 0 d" if is_dashed else "[] 0 d"
            found.append(f"{dashes} {place([(x, y + height)])} {width:.6g} {height:.6g} re S")
        found.append("[] 0 d")
        for start, *points in self.curves:
            found.append(f"{place([start])} m")
            found += [f"{place(points[i : i + 3])} c" for i in range(0, len(points), 3)]
            found.append("S")
        for a, b, c in self.heads:
            found.append(f"{place([a])} m {place([b])} l {place([c])} l f")
        for x, y, text in self.texts:
            at = place([(x - text_width(text) / 2, y + 0.35 * FONT_SIZE)])
            text = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
            found.append(f"BT /F {FONT_SIZE} Tf {at} Td ({text}) Tj ET")
        content = "\n".join(found).encode("cp1252", "replace")
        return _pdf_file(
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>"
            b"/MediaBox[0 0 %d %d]>>" % (self.width, self.height),
            b"<</Length %d>>\nstream\n%s\nendstream" % (len(content), content),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
        )

    def pixels(self, dpi, kind):
        """An image file of a kind that Pillow knows, `dpi` pixels an inch if that is not too many.

        Raises `ImportError` without Pillow, `KeyError` for an unknown kind.
        """
        try:
            from PIL import Image, ImageDraw, ImageFont
        except ImportError as error:
            raise ImportError(
                f"Drawing models as {kind.upper()} needs Pillow: pip install kforge[plot]. SVG and "
                "PDF need nothing: save to a file whose name ends with .svg or .pdf."
            ) from error
        Image.init()
        names = {extension: name for extension, name in Image.EXTENSION.items()}
        name = names[f".{kind}"]
        scale = min(dpi / 72, _MAX_PIXELS / max(self.width, self.height))
        fine = 2 * scale  # twice as fine, then halved: smooth lines
        size = max(round(self.width * fine), 2), max(round(self.height * fine), 2)
        image = Image.new("L", size, 255)
        draw, line = ImageDraw.Draw(image), max(round(fine), 1)
        for x, y, width, height, is_dashed in self.boxes:
            corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]
            for a, b in itertools.pairwise(corners):
                for piece in _dashes(a, b) if is_dashed else [(a, b)]:
                    draw.line(_scaled(piece, fine), 0, line)
        for points in self.curves:
            draw.line(_scaled(_flattened(points), fine), 0, line, joint="curve")
        for points in self.heads:
            draw.polygon(_scaled(points, fine), 0)
        font = ImageFont.load_default(FONT_SIZE * 0.95 * fine)
        for x, y, text in self.texts:
            draw.text((x * fine, y * fine), text, 0, font, anchor="mm")
        file = io.BytesIO()
        image.reduce(2).save(file, name, dpi=(scale * 72, scale * 72))
        return file.getvalue()


def _pairs(points):
    return " ".join(f"{x:.6g},{y:.6g}" for x, y in points)


def _scaled(points, scale):
    return [(x * scale, y * scale) for x, y in points]


def _pdf_file(*objects):
    """A PDF file of these objects, numbered from 1, the first being the root."""
    found, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(found))
        found += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    end = b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, len(found))
    return found + b"xref\n0 %d\n0000000000 65535 f \n" % count + table + end


def _flattened(points, steps=12):
    """Points on Bezier curves, close to each other."""
    found = [points[0]]
    for i in range(0, len(points) - 1, 3):
        a, b, c, d = points[i : i + 4]
        for k in range(1, steps + 1):
            t = k / steps
            weights = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
            found.append(
                tuple(sum(w * p[j] for w, p in zip(weights, (a, b, c, d))) for j in (0, 1))
            )
    return found


def _dashes(start, end, on=5, off=2):
    """Pieces of a line."""
    length = ((end[0] - start[0]) ** 2 + (end[1] - start[1]) ** 2) ** 0.5

    def at(distance):
        t = min(distance / length, 1)
        return tuple(a + (b - a) * t for a, b in zip(start, end))

    return [(at(k), at(k + on)) for k in range(0, int(length), on + off)]
