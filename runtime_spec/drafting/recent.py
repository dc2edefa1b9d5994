"""The median of what was seen last: one slow round in it moves nothing."""

from bisect import insort


class RecentMedian:
    """The lower median of the last `size` (>= 1) numbers; `value` is 0.0 before there is one."""

    __slots__ = ("count", "size", "value", "_recent", "_sorted")

    def __init__(self, size: int):
        self.size, self.value, self.count = size, 0.0, 0
        self._recent: list[float] = []
        self._sorted: list[float] = []

    def add(self, value: float) -> None:
        if self.count == self.size:
            self._sorted.remove(self._recent.pop(0))
        else:
            self.count += 1
        self._recent.append(value)
        insort(self._sorted, value)
        self.value = self._sorted[(len(self._sorted) - 1) // 2]

    def keep(self, count: int) -> None:
        """Forgets all but the newest `count` (>= 1)."""
        while self.count > count:
            self._sorted.remove(self._recent.pop(0))
            self.count -= 1
        if self._sorted:
            self.value = self._sorted[(len(self._sorted) - 1) // 2]
