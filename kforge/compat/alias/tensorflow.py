"""What `import tensorflow` finds in a process started by one where kforge is installed as `keras`.

It is kforge's facade; TensorFlow itself where ``KFORGE_TENSORFLOW=real`` asks for it.
"""

import importlib
import os
import sys

del sys.modules[__name__]  # what Python imported is whatever stands here when this file ends
if os.environ.get("KFORGE_TENSORFLOW") == "real":
    _path = list(sys.path)
    sys.path[:] = [p for p in _path if os.path.abspath(p) != os.path.dirname(__file__)]
    try:
        importlib.import_module("tensorflow")
    finally:
        sys.path[:] = _path
else:
    importlib.import_module("keras")
    importlib.import_module("tensorflow")
