"""Text from strangers on a terminal."""

__all__ = ["printable"]


def printable(text):
    """`text` with escapes for characters that could command a terminal or hide others."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
