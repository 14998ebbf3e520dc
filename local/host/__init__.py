"""The local Functions host: runs function_app.py through Microsoft's worker library, with the platform's behaviour.

settings     environment and settings file, %NAME%, connections      host_json    the numbers of host.json
protos       the worker library's messages                           worker       index the app, run a function
invocations  one run with its log line and drain                     storage      queues of a connection
queue_trigger, queue_message   polling, lease, retry, poison         timers, ncrontab   schedules
http_server, http_messages, routes   HTTP                            event_grid, admin  the platform's own endpoints

Output bindings and what else the app does not use are refused or left out.
No state is kept here: ending it with SIGKILL loses nothing that the storage service doesn't know.
"""
