"""The packages: all of hw4/, and conf/ (which stands at the top of the repository) as hw4.conf."""

from setuptools import find_namespace_packages, setup

# With the folders that hold data alone: setuptools warns at length of each that is not named.
NO_PACKAGES = ["*__pycache__*"]
conf = find_namespace_packages("conf", exclude=NO_PACKAGES)
setup(
    packages=[
        *find_namespace_packages(include=["hw4", "hw4.*"], exclude=NO_PACKAGES),
        "hw4.conf",
        *(f"hw4.conf.{name}" for name in conf),
    ]
)
