"""A simulated Synapse workspace with its managed identity endpoint; it knows nothing of the gateway.

wire        values and answers on the wire       routes      which operation is asked for
errors      recorded error bodies                 pipelines   what the workspace declares
activity    what a pipeline declares of one       runs        where a run stands at a moment
workspace   the store of runs                     listing     the runs as the query sees them
activities  those of a run at a moment            queries     filters, orders and pages
monitoring  the answers to looks                  dataplane   those to all other operations
tokens      signing and verifying                 identity    the managed identity endpoint
access      Synapse RBAC                          admission   the rate limits
faults      which fault meets which request       exchange    how it happens on the connection
connection  refused before any request            holding     calls that wait to be released
settings    what can be changed                   simulation  all state together
calls       the log                               control     the routes under /_sim/
server      serves all of it                      client      what tests steer it with
in_process  a workspace inside a test
"""
