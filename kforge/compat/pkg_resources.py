"""What programs took from setuptools' `pkg_resources`, which setuptools 82 removed.

Packages are folders here, as `pip` installs them.
"""

import importlib
import importlib.metadata
import os

from torch.torch_version import TorchVersion

__all__ = [
    "DistributionNotFound",
    "get_distribution",
    "parse_version",
    "resource_exists",
    "resource_filename",
    "resource_listdir",
    "resource_stream",
    "resource_string",
]

DistributionNotFound = importlib.metadata.PackageNotFoundError


def parse_version(version):
    """A version that compares with others by its numbers."""
    return TorchVersion(version)


class _Distribution:
    def __init__(self, name):
        self.project_name = self.key = name
        self.version = importlib.metadata.version(name)
        self.parsed_version = parse_version(self.version)


def get_distribution(name):
    """An installed distribution, with `version`; `DistributionNotFound` if there is none."""
    return _Distribution(name)


def resource_filename(package, resource):
    """The path of a file or folder beside a module or in a package, given by their name."""
    module = importlib.import_module(package)
    return os.path.join(os.path.dirname(module.__file__), *resource.split("/"))


def resource_exists(package, resource):
    """Whether there is such a file or folder."""
    return os.path.exists(resource_filename(package, resource))


def resource_listdir(package, resource):
    """Names of what is in a folder of a package."""
    return os.listdir(resource_filename(package, resource))


def resource_stream(package, resource):
    """A file of a package, opened to read its bytes."""
    return open(resource_filename(package, resource), "rb")


def resource_string(package, resource):
    """The bytes of a file of a package."""
    with resource_stream(package, resource) as f:
        return f.read()
