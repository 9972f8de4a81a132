"""The OpenAPI document: made of the application's routes and the processes' descriptions, and shown to people.

`python -m geocrop_processes.service.openapi` prints openapi/geocrop.yaml.
"""
