"""`python -m kforge.compat.tensorflow`: lists what the facade offers of TensorFlow."""

from . import MODULES, Facade
from .table import names

__all__ = ["main"]


def main():
    """Prints every name of the facade."""
    for path, tables in {"": "root", **MODULES}.items():
        prefix = f"tf.{path}." if path else "tf."
        for name in sorted(names(Facade("tensorflow", tables))):
            if not path.startswith("python."):
                print(prefix + name)


if __name__ == "__main__":
    main()
