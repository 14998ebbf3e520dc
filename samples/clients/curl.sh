#!/bin/sh
# curl: start a pipeline run through the gateway in Synapse's own wire format, once, and look at it.
#
#   GATEWAY=https://my-gateway.azurewebsites.net FUNCTION_KEY=… sh curl.sh copyOrders '{"day": "2026-11-24"}'
#
# With HTTP_AUTH=entra set TOKEN in place of FUNCTION_KEY:
#   TOKEN=$(az account get-access-token --resource https://dev.azuresynapse.net --query accessToken --output tsv)
# On the local stack (make run): GATEWAY=http://127.0.0.1:7071 sh samples/clients/curl.sh copyOrders
set -eu
: "${GATEWAY:?names the gateway, as https://my-gateway.azurewebsites.net}" "${1:?the pipeline comes first}"
proof="x-functions-key: ${FUNCTION_KEY:-}"
if [ -n "${TOKEN:-}" ]; then proof="authorization: Bearer $TOKEN"; fi

# One id for one piece of work. --retry sends the same id again after 429, 500, 502, 503, 504 and time-outs: one run.
id="${REQUEST_ID:-$(cat /proc/sys/kernel/random/uuid 2>/dev/null || uuidgen)}"
answer=$(curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused --max-time 240 \
  --header "$proof" --header "content-type: application/json" --header "x-ms-client-request-id: $id" \
  --data "${2:-{\}}" "$GATEWAY/pipelines/$1/createRun?api-version=2020-12-01") || {
  status=$?
  echo "$answer" >&2 # the refusal: curl's own line says its status alone
  exit "$status"
}
echo "$answer"
run_id=$(echo "$answer" | sed 's/.*"runId":"\([^"]*\)".*/\1/')
curl --silent --show-error --fail-with-body --header "$proof" "$GATEWAY/pipelineruns/$run_id?api-version=2020-12-01"
echo
