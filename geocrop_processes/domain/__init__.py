"""The words of a crop map: a place, a season, a grid, a legend. No I/O, no framework."""
