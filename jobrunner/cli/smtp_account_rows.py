"""SMTP accounts as rows of a table, with what holds them back in words."""

from typing import TYPE_CHECKING, Any

from jobrunner.cli.grid import Column

if TYPE_CHECKING:
    from jobrunner.config import Configuration
    from jobrunner.services.mail.accounts.state import State
    from jobrunner.services.mail.accounts.table import AccountRecord

COLUMNS = {
    "id": Column(),
    "name": Column(),
    "kind": Column(rank=4),
    "status": Column(rank=3),
    "state": Column(least=20),
    "host": Column(rank=2),
    "port": Column(rank=6),
    "security": Column(rank=7),
    "from_address": Column(rank=1),
    "for_mass_mail": Column(rank=5),
    "rate_per_minute": Column(rank=9),
    "rate_per_hour": Column(rank=8),
}


def as_row(account: "AccountRecord", state: "State | None") -> dict[str, Any]:
    """Return an account as a row; without a state it has never had trouble."""
    from dataclasses import asdict

    trouble = None if state is None else state.last_trouble
    return {**asdict(account), "state": _in_words(account.status, state), "last_trouble": trouble}


def configured_row(configuration: "Configuration", state: "State | None") -> dict[str, Any]:
    """Return the system account of the configuration as a row."""
    smtp = configuration.smtp
    return {
        "id": "system",
        "name": "system",
        "kind": "System",
        "status": "Active",
        "host": smtp.host,
        "port": smtp.port,
        "security": smtp.security,
        "username": smtp.username,
        "from_address": smtp.from_address,
        "from_name": smtp.from_name,
        "for_mass_mail": False,
        "secrets": [] if smtp.password is None else ["password"],
        "state": _in_words("Active", state),
        "last_trouble": None if state is None else state.last_trouble,
    }


def _in_words(status: str, state: "State | None") -> str:
    if status != "Active":
        return "not in use"
    if state is None:
        return "ready"
    return state.why_held or ("ready" if state.speed >= 1 else f"ready at {state.speed:.0%} of its speed")
