"""The most that all mass mail may send in an hour, and in one run."""


class HourLimit:
    """Counts as seldom as is safe: while there is much room, an eighth of it goes before it is counted again.

    Others send at the same time, each by the same rule; so the limit is passed by no more than what is being sent.
    """

    def __init__(self, limit: int) -> None:
        """`limit` is 0 for none."""
        self._limit = limit
        self._uncounted = 0
        self.used_up = False

    def ask(self, going: int) -> int | None:
        """Return the limit that the statement is to keep to when it marks so many; None where it need not count."""
        if not self._limit or not going:
            return None
        if going <= self._uncounted:
            self._uncounted -= going
            return None
        return self._limit

    def told(self, used: int, wanted: int, granted: int) -> None:
        """Take note of what was counted before so many of those wanted were marked."""
        room = self._limit - used - granted
        self._uncounted = max(0, room) // 8
        self.used_up = used + wanted > self._limit and granted < wanted


class Portion:
    """What one run may send."""

    def __init__(self, most: int) -> None:
        """`most` is 0 for no limit."""
        self._left = most or None

    @property
    def is_used_up(self) -> bool:
        """Whether nothing is left of it."""
        return self._left == 0

    def take(self, wanted: int) -> int:
        """Take up to so many and return how many there are."""
        if self._left is None:
            return wanted
        taken = min(wanted, self._left)
        self._left -= taken
        return taken

    def give_back(self, number: int) -> None:
        """Return what was taken and not sent."""
        if self._left is not None:
            self._left += number
