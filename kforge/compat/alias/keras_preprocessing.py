"""What `import keras_preprocessing` finds in such a process: `keras` brings the real one."""

import sys

del sys.modules[__name__]
import keras  # noqa: E402,F401 - installs kforge, which sets what was deleted
