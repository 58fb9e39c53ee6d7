"""What programs took from setuptools' `pkg_resources`, which setuptools 82 removed.

Packages are folders here, as `pip` installs them.
"""

import importlib
import importlib.metadata
import os

__all__ = [
    "DistributionNotFound",
    "get_distribution",
    "resource_exists",
    "resource_filename",
    "resource_listdir",
    "resource_stream",
    "resource_string",
]

DistributionNotFound = importlib.metadata.PackageNotFoundError


def get_distribution(name):
    """An installed distribution, with `version`; `DistributionNotFound` if there is none."""
    return importlib.metadata.distribution(name)


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
