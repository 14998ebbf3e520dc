"""`make airflow`: Airflow's own Synapse hook and operator call the gateway, over TLS and with tokens.

__main__      starts the stack, runs `calls` in Airflow's environment, writes the outcome into docs/clients.md
environment   .local/airflow: Airflow needs Python 3.12 or older, and packages that the gateway doesn't
calls         what runs there; it imports nothing of ours but the sample
"""
