"""Everything that runs in the serving image: fetch, predictor and jobs."""
