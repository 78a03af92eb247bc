"""What a run of n rows costs: c(n) = a + b n with a, b >= 0, learned from finished runs."""

_FORGETTING = 0.98


class Cost:
    """Least squares over (rows, seconds) that forgets; five sums are its whole memory."""

    def __init__(self) -> None:
        """Know nothing: every run is predicted to be free."""
        self._weight = self._rows = self._seconds = self._rows_squared = self._products = 0.0

    def observe(self, rows: int, seconds: float) -> None:
        """Learn from one finished run."""
        self._weight = self._weight * _FORGETTING + 1.0
        self._rows = self._rows * _FORGETTING + rows
        self._seconds = self._seconds * _FORGETTING + seconds
        self._rows_squared = self._rows_squared * _FORGETTING + rows * rows
        self._products = self._products * _FORGETTING + rows * seconds

    def predict(self, rows: int) -> float:
        """Return the seconds that a run of so many rows takes.

        >>> cost = Cost()
        >>> for n in (1, 10, 100): cost.observe(n, 1.0 + 0.5 * n)
        >>> round(cost.predict(20), 6)
        11.0
        """
        if self._weight == 0.0:
            return 0.0
        mean_rows, mean_seconds = self._rows / self._weight, self._seconds / self._weight
        spread = self._rows_squared / self._weight - mean_rows**2
        if spread <= 0.0:  # one size only: assume that rows cost in proportion, never less
            return mean_seconds * max(rows / mean_rows, 1.0) if mean_rows else mean_seconds
        slope = max((self._products / self._weight - mean_rows * mean_seconds) / spread, 0.0)
        fixed = mean_seconds - slope * mean_rows
        if fixed < 0.0:
            fixed, slope = 0.0, self._products / self._rows_squared
        return fixed + slope * rows
