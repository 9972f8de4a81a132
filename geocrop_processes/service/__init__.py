"""How one asks: OGC API - Processes on pygeoapi, run by Celery, with everything that a product is opened by."""
