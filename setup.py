"""The packages: all of hw4/, and conf/ (which stands at the top of the repository) as hw4.conf."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["hw4", "hw4.*"]), "hw4.conf"])
