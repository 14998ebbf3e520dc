"""A simulated Synapse workspace with its managed identity endpoint; it knows nothing of the gateway.

wire        values and answers on the wire       routes      which operation is asked for
errors      recorded error bodies                 pipelines   what the workspace declares
runs        where a run stands at a moment        workspace   the store of runs
queries     queryPipelineRuns                     dataplane   each operation's answer
tokens      signing and verifying                 identity    the managed identity endpoint
access      Synapse RBAC                          admission   the rate limit
faults      which fault meets which request       exchange    how it happens on the connection
connection  refused before any request            holding     calls that wait to be released
settings    what can be changed                   simulation  all state together
calls       the log                               control     the routes under /_sim/
server      serves all of it                      client      what tests steer it with
in_process  a workspace inside a test
"""
