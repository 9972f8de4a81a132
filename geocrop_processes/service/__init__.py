"""How one asks: OGC API - Processes on pygeoapi, run by Celery, with everything that a product is opened by."""

import logging

# stac-fastapi warns, as soon as it is imported, of titles that the catalogue gives itself
logging.getLogger("stac_fastapi.types.config").setLevel(logging.ERROR)
