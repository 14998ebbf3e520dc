"""A proxy before the storage service that delays, refuses, cuts or holds the calls that a test names.

The product knows nothing of it: only the addresses in its connection string lead here. In a test's own process
`serving` runs it; as a server it is `python -m local.storage_proxy`, told what to do through `client.ProxyControl`.
"""
