#!/bin/sh
# azd runs this after `azd provision`, with its environment's values: the outputs of main.bicep among them.
# GRANT_SYNAPSE_ROLES says what is wanted: apply grants the roles, plan says what is missing, nothing does nothing.
set -eu
grant=$(dirname "$0")/grant_synapse_roles.sh

case ${GRANT_SYNAPSE_ROLES:-} in
  apply) exec sh "$grant" --apply --wait 300 ;;
  plan) exec sh "$grant" ;;
  '') echo 'Synapse roles: not looked at. azd env set GRANT_SYNAPSE_ROLES apply (or plan), or infra/grant_synapse_roles.sh.' ;;
  *)
    echo "GRANT_SYNAPSE_ROLES is apply or plan, not $GRANT_SYNAPSE_ROLES." >&2
    exit 2
    ;;
esac
