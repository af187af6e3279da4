"""What is told: an account with the usual attributes, a kilobyte as JSON."""

import json
from typing import Any

from scripts.benchmarks.delivering.sizes import WEBHOOKS


def event_name(place: int) -> str:
    """Return the event that the webhook at a place, and no other, listens to."""
    return f"Bench.w{place}"


def account(number: int) -> dict[str, Any]:
    """Return the data of the event of that number."""
    return {
        "number": number,
        "id": f"{number:017x}",
        "name": f"Acme Trading {number} GmbH & Co. KG",
        "deleted": False,
        "website": "https://www.acme-trading.example",
        "type": "Customer",
        "industry": "Machinery",
        "sicCode": "3559",
        "emailAddress": f"info{number}@acme-trading.example",
        "phoneNumber": "+49 30 5550 0142",
        "billingAddressStreet": "Hauptstraße 142, Hinterhof, 3. Stock links",
        "billingAddressCity": "Berlin",
        "billingAddressState": "Berlin",
        "billingAddressCountry": "Germany",
        "billingAddressPostalCode": "10827",
        "shippingAddressStreet": "Am Güterbahnhof 7, Tor 4",
        "shippingAddressCity": "Potsdam",
        "shippingAddressCountry": "Germany",
        "shippingAddressPostalCode": "14482",
        "description": "Orders twice a year, pays on time. " * 8,
        "assignedUserId": "5f2a7c1e9b3d40861",
        "assignedUserName": "Ann Example",
        "createdAt": "2026-03-14 09:26:53",
        "modifiedAt": "2026-11-25 02:58:42",
        "teamsIds": ["5f2a7c1e9b3d40862", "5f2a7c1e9b3d40863"],
    }


def portion(events: int) -> list[tuple[str, str]]:
    """Return events with their data, one webhook after another, in the order in which they are to arrive."""
    return [(event_name(number % WEBHOOKS), json.dumps(account(number))) for number in range(events)]


def numbers_of(place: int, events: int) -> list[int]:
    """Return the numbers of that portion that the webhook at a place gets, in order."""
    return list(range(place, events, WEBHOOKS))
