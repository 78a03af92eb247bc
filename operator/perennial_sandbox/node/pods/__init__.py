"""What a Pod means for processes: pure functions over values, without clock, files or network."""
