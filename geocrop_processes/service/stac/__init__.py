"""Every product in a STAC API: stac-fastapi's routes over the job store, with filter, sort and fields."""
