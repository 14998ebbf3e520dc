"""Tables and queues of the storage account."""
