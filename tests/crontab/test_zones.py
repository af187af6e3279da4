"""Zones by name."""

import os
import subprocess
import sys
import zoneinfo

import pytest

from jobrunner.crontab import zone
from jobrunner.errors import InvalidInput


def test_every_zone_is_found():
    for name in zoneinfo.available_timezones() - {"localtime"}:
        assert zone(name).key == name


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("Mars/Olympus", "Europe/Berlin"),
        ("Europe/Berln", "Europe/Berlin"),
        ("europe/berlin", "did you mean Europe/Berlin?"),
        ("Berlin", "did you mean Europe/Berlin?"),
        ("new york", "America/New_York"),
        ("Asia/Kalkutta", "Asia/Kolkata"),
        ("", "UTC"),
    ],
)
def test_unknown_zones_are_refused_with_the_nearest(name, offered):
    """F35."""
    with pytest.raises(InvalidInput) as caught:
        zone(name)
    assert repr(name) in str(caught.value)
    assert offered in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "Europe/../Europe/Berlin",
        "Europe//Berlin",
        "Europe/Berlin/",
        "Europe",
        "Europe/Berlin\0",
        "Europe/Berlin\n",
        "./UTC",
        "zone.tab",
        "tzdata.zi",
        "localtime",
        "posixrules",
        "right/Europe/Berlin",
        "posix/UTC",
        "A" * 100_000,
        "Ԑurope/Berlin",
    ],
)
def test_paths_and_machine_names_are_no_zones(name):
    """F35: a zone is a name that means the same on every machine, never a path."""
    with pytest.raises(InvalidInput) as caught:
        zone(name)
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()


def test_missing_zone_data_is_named():
    """F35: empty zone path and no tzdata package, in a process of its own."""
    code = (
        "import sys; sys.modules['tzdata'] = None\n"
        "from jobrunner.crontab import zone\n"
        "from jobrunner.errors import InvalidInput\n"
        "try:\n    zone('Europe/Berlin')\n"
        "except InvalidInput as error:\n    print(error)\n"
    )
    environment = {**os.environ, "PYTHONTZPATH": ""}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "no zone data on this machine" in result.stdout
    assert "install the Python package tzdata" in result.stdout
