"""What others open: maps as COGs, a summary, a picture, and a STAC item that says where they come from."""
