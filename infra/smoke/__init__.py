"""After a deployment: one request through each way in, followed to its result and its audit entry.

Needs Python's standard library and az. `python3 -m infra.smoke --help`; docs/deploy.md.
"""
