"""What the mails say, in the spelling of each system's templates: 5 KB of text and HTML, four values in each."""

from collections.abc import Mapping

SENDER_NAME = "Example News"
SENDER = "news@example.org"
DOMAIN = "example.org"
SITE = "https://news.example.org"

SUBJECT = "{first_name}, what is new in November"
PARAGRAPHS = (
    "This month the harbour quarter opens its new market hall. Forty stalls sell bread, fish and flowers, and on the "
    "gallery above there is room for a reading café with a view over the whole basin.",
    "The library extends its hours: from the first of the month it is open until nine in the evening on all working "
    "days, and the children's corner has moved to the ground floor, next to the garden.",
    "Trains on the northern line run every ten minutes again. The works on the bridge were finished two weeks early, "
    "and the old timetable holds from Monday on. Tickets that were bought in advance stay valid.",
    "Our readers asked for more about the people behind the counters. So each issue from now on has a visit to a "
    "workshop, and the first one is a bakery that has used the same oven since 1911.",
    "The ferry to the islands leaves from the east pier until spring. Its waiting room is heated, the ticket office "
    "opens at six, and bicycles travel free of charge on the first and the last boat of each day.",
    "If you have a story to tell, write to us. A line or two are enough, we will call you back, and what you tell us "
    "stays between us until you have read it yourself and said yes to every word of it.",
)
PRICES = (("Market day pass", "12.00"), ("Library card, one year", "25.00"), ("Northern line, ten rides", "31.50"))


def text_body(places: Mapping[str, str]) -> str:
    """Return the plain part; `places` says how first_name, last_name, company and unsubscribe_url are written."""
    prices = "\n".join(f"  {name:<30}{price:>8}" for name, price in PRICES)
    return "\n\n".join(
        (
            f"Dear {places['first_name']} {places['last_name']},",
            f"here is the November letter for {places['company']}.",
            *PARAGRAPHS[:3],
            prices,
            f"No more of these letters: {places['unsubscribe_url']}\n",
        )
    )


def html_body(places: Mapping[str, str]) -> str:
    """Return the HTML part; values are escaped by the system."""
    paragraphs = "\n".join(
        f'<p style="margin:0 0 14px;font:15px/22px Arial,sans-serif;color:#222222">{paragraph}</p>'
        for paragraph in PARAGRAPHS
    )
    prices = "\n".join(
        f'<tr><td style="padding:6px 12px;border-bottom:1px solid #dddddd">{name}</td>'
        f'<td style="padding:6px 12px;border-bottom:1px solid #dddddd" align="right">{price}</td></tr>'
        for name, price in PRICES
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>November</title></head>
<body style="margin:0;background:#f4f4f4">
<table role="presentation" width="600" align="center" style="background:#ffffff;border-collapse:collapse">
<tr><td style="padding:24px">
<h1 style="font:24px/30px Georgia,serif">Dear {places["first_name"]} {places["last_name"]},</h1>
<p>here is the November letter for <strong>{places["company"]}</strong>.</p>
{paragraphs}
<table role="presentation" width="100%">
{prices}
</table>
<p style="font-size:12px;color:#777777"><a href="{places["unsubscribe_url"]}">No more of these letters</a></p>
</td></tr>
</table>
</body>
</html>
"""
