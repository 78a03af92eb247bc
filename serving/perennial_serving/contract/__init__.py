"""What the serving image and the operator agree on; standard library only."""
