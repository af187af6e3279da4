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

    def must_count(self, going: int) -> bool:
        """Return whether it is to be counted before so many more are marked."""
        if not self._limit or not going:
            return False
        if going <= self._uncounted:
            self._uncounted -= going
            return False
        return True

    def room(self, used: int) -> int:
        """Return how many may be marked, by a count of what was sent in the last hour and what is being sent."""
        return max(0, self._limit - used)

    def told(self, room: int, wanted: int, granted: int) -> None:
        """Take note of how many were marked of those wanted, where there was room for so many."""
        self._uncounted = (room - granted) // 8
        self.used_up = wanted > room and granted < wanted


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
