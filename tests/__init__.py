"""The tests, laid out as the package is; what all of them share stands in conftest.py."""
