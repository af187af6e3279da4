"""What a statement costs, by the server's own account."""

import json
from collections.abc import Iterator
from typing import Any


async def rows_touched(connection: Any, statement: str, *arguments: Any) -> int:
    """Run the statement in a transaction that is undone, and return how many rows its scans of tables read."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        text = await connection.fetchval(
            "EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, FORMAT JSON) " + statement, *arguments
        )
    finally:
        await transaction.rollback()
    return round(sum(node_rows(node) for node in nodes(json.loads(text)[0]["Plan"]) if "Relation Name" in node))


def node_rows(node: dict[str, Any]) -> float:
    read = node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return float(read * node["Actual Loops"])


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from nodes(child)
