"""Storage in memory, for measuring what stands before it: Azure's wire of tables and queues, without disk or search.

One process on two ports, as Azurite. Every operation takes the same time, however much is stored: Azurite searches
all messages of a queue for each operation on one of them. Signatures are not checked. Formats are those of
learn.microsoft.com/rest/api/storageservices (table-service-rest-api, queue-service-rest-api).
"""
