"""Where pixels come from: scenes found in a STAC API, read by windows from their COGs."""
