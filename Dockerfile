# The app in Microsoft's image of the Functions host: the same files as in the deployed zip. See docs/containers.md.
# checkov:skip=CKV_DOCKER_2: Kubernetes and Container Apps ignore HEALTHCHECK; they probe /api/health/live.
# checkov:skip=CKV_DOCKER_3: The host's image is made to run as root (azure-functions-docker#424, open).
# The tag gets the host's security updates; what was built is deployed by its own digest.
FROM mcr.microsoft.com/azure-functions/python:4-python3.13

ENV AzureWebJobsScriptRoot=/home/site/wwwroot \
    AzureFunctionsJobHost__Logging__Console__IsEnabled=true

# requirements.txt names every package with its version: pip has nothing to choose.
COPY requirements.txt /
RUN pip install --no-cache-dir --no-deps --requirement /requirements.txt

WORKDIR /home/site/wwwroot
COPY function_app.py gateway.json host.json requirements.txt ./
COPY shared shared
# Else Python does it at the first import: each new container takes that time, and where the folder can be written, the
# host sees it change and restarts the worker (azure-functions-python-worker#1665).
RUN python -m compileall -q --invalidation-mode unchecked-hash .
