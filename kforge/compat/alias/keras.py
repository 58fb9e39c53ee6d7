"""What `import keras` finds in a process started by one where kforge is installed as `keras`."""

import os
import sys

try:
    from kforge.compat.paths import install
except ModuleNotFoundError as e:
    if e.name != "kforge":
        raise
    # The parent ran kforge from a folder that is not on this process's path.
    sys.path.append(os.path.abspath(os.path.join(os.path.dirname(__file__), *[".."] * 3)))
    from kforge.compat.paths import install

from kforge.compat import pitfalls

del sys.modules[__name__]  # what Python imported is whatever stands here when this file ends
install()
if os.environ.get(pitfalls.VARIABLE) == "1":  # as in the process that started this one
    pitfalls.restore()
