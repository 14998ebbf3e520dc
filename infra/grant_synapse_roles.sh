#!/bin/sh
# Grants the gateway's identity its roles in the Synapse workspace. They are Synapse's own: ARM and Bicep can't grant them.
# Lists what is granted, says what is missing, and with --apply grants that. Run again it changes nothing. docs/roles.md
set -eu

usage() {
  cat <<'END'
usage: infra/grant_synapse_roles.sh [--workspace NAME] [--principal-id ID] [--runtime NAME]... [--cancel] [--apply] [--wait SECONDS]

  --workspace NAME    the Synapse workspace; else the one of SYNAPSE_ENDPOINT
  --principal-id ID   the object (principal) id of the app's identity; else GATEWAY_PRINCIPAL_ID
  --runtime NAME      an integration runtime that pipelines use, may be repeated; else AutoResolveIntegrationRuntime
  --cancel            also let the gateway cancel runs: Synapse Compute Operator on the whole workspace, not on runtimes
  --apply             grant what is missing; without it nothing is changed
  --wait SECONDS      after granting, wait so long: Synapse says that a change takes 2 to 5 minutes to take effect
END
}

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

workspace='' principal=${GATEWAY_PRINCIPAL_ID:-} runtimes='' cancel=no apply=no wait=0
while [ $# -gt 0 ]; do
  case $1 in
    --workspace | --principal-id | --runtime | --wait)
      [ $# -ge 2 ] || { usage >&2; exit 2; }
      case $1 in
        --workspace) workspace=$2 ;;
        --principal-id) principal=$2 ;;
        --runtime) runtimes="$runtimes $2" ;;
        --wait) wait=$2 ;;
      esac
      shift 2
      ;;
    --cancel) cancel=yes; shift ;;
    --apply) apply=yes; shift ;;
    --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

if [ -z "$workspace" ]; then # https://NAME.dev.azuresynapse.net
  workspace=${SYNAPSE_ENDPOINT:-}
  workspace=${workspace#https://}
  workspace=${workspace%%.*}
fi
guid='[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}'
[ -n "$workspace" ] || fail 'Which workspace? Give --workspace NAME, or set SYNAPSE_ENDPOINT.'
printf '%s' "$workspace" | grep -Eqx '[A-Za-z0-9-]+' || fail "$workspace is no name of a workspace."
[ -n "$principal" ] || fail 'Which identity? Give --principal-id ID, or set GATEWAY_PRINCIPAL_ID.' \
  "It is the principalId of the app's identity: az identity list --resource-group GROUP --query '[].principalId' --output tsv"
printf '%s' "$principal" | grep -Eqx "$guid" || fail "$principal is no object id."
principal=$(printf '%s' "$principal" | tr '[:upper:]' '[:lower:]')
printf '%s' "$wait" | grep -Eqx '[0-9]{1,4}' || fail '--wait takes a number of seconds.'
for runtime in $runtimes; do
  printf '%s' "$runtime" | grep -Eqx '[A-Za-z0-9-]+' || fail "$runtime is no name of an integration runtime."
done

command -v az >/dev/null || fail 'az is not installed: https://learn.microsoft.com/cli/azure/install-azure-cli'
account=$(az account show --query name --output tsv 2>/dev/null) || fail 'Not signed in: az login'
# An application id is taken without an error, and opens nothing. Who may not read the directory can't be helped here.
found=$(az ad sp show --id "$principal" --query id --output tsv 2>/dev/null) || found=$principal
[ "$found" = "$principal" ] || fail "$principal is the client id of an identity. Its principal id is $found: give that one."

said=$(mktemp)
trap 'rm -f "$said"' EXIT

# What az says when it is refused, and what to do about it.
explain() {
  error=$(cat "$said")
  case $error in
    *'private endpoint connection'*)
      fail "$error" '' "This workspace is reached through a private endpoint, and not from here, or not yet: a new endpoint takes a minute or two." \
        "Run this script on a machine inside that network. Managed private endpoints don't help: they lead out of the workspace, not into it."
      ;;
    *ClientIpAddressNotAuthorized*)
      address=$(printf '%s' "$error" | grep -Eo '[0-9]+(\.[0-9]+){3}' | head -n 1) || address=ADDRESS
      fail "$error" '' "The firewall of the workspace does not know this machine. A rule takes about a minute to take effect:" \
        "  az synapse workspace firewall-rule create --name grant-roles --workspace-name $workspace --resource-group GROUP --start-ip-address $address --end-ip-address $address" \
        "Where public access to the workspace is off no rule helps: run this script inside its network." \
        "The app needs a way in, too: GATEWAY_OUTBOUND_IP as a rule, or a private endpoint to the workspace (docs/deploy.md)."
      ;;
    *roleAssignments* | *Unauthorized* | *Forbidden* | *AccessControl*)
      fail "$error" '' "Signed in as $(az account show --query user.name --output tsv 2>/dev/null), who is no Synapse Administrator of $workspace." \
        "An Owner of the Azure resource is none by that, and may make one in Synapse Studio: Manage, Access control."
      ;;
    *'Failed to resolve'* | *'Name or service not known'* | *getaddrinfo* | *NameResolutionError*)
      fail "$error" '' "There is no workspace $workspace, or this machine can't resolve its private name. Those of $account:" \
        '  az synapse workspace list --query "[].name" --output tsv'
      ;;
    *) fail "$error" ;;
  esac
}

# The scopes that the identity has a role on, one a line.
scopes() {
  az synapse role assignment list --workspace-name "$workspace" --role "$1" --assignee-object-id "$principal" \
    --query '[].scope' --output tsv 2>"$said"
}

missing=0 granted=0
# need ROLE [ITEM_TYPE ITEM]: a role on the whole workspace covers the items in it.
need() {
  role=$1 scope="workspaces/$workspace${2:+/$2/$3}"
  there=$(scopes "$role") || explain
  if printf '%s\n' "$there" | grep -Fqix -e "$scope"; then
    printf '  there    %s on %s\n' "$role" "$scope"
  elif printf '%s\n' "$there" | grep -Fqix -e "workspaces/$workspace"; then
    printf '  there    %s on the whole workspace, which is more than %s\n' "$role" "${scope#workspaces/"$workspace"/}"
  elif [ "$apply" = no ]; then
    missing=$((missing + 1))
    printf '  missing  %s on %s\n' "$role" "$scope"
  else
    shift
    [ $# -eq 0 ] || set -- --item-type "$1" --item "$2"
    az synapse role assignment create --workspace-name "$workspace" --role "$role" --assignee-object-id "$principal" \
      --assignee-principal-type ServicePrincipal "$@" --output none 2>"$said" || explain
    granted=$((granted + 1))
    printf '  granted  %s on %s\n' "$role" "$scope"
  fi
}

printf 'Workspace %s, identity %s:\n' "$workspace" "$principal"
need 'Synapse Credential User' credentials WorkspaceSystemIdentity # createRun
need 'Synapse Monitoring Operator'                                 # follows runs to their end, looks for those of lost answers
if [ "$cancel" = yes ]; then
  need 'Synapse Compute Operator'
else
  for runtime in ${runtimes:-AutoResolveIntegrationRuntime}; do
    need 'Synapse Compute Operator' integrationRuntimes "$runtime"
  done
fi

if [ "$missing" -gt 0 ]; then
  printf 'Nothing was changed. Run it again with --apply to grant what is missing.\n'
elif [ "$granted" -eq 0 ]; then
  printf 'Nothing is missing.\n'
elif [ "$wait" -gt 0 ]; then
  printf 'Waiting %s s: Synapse says that a change takes 2 to 5 minutes to take effect.\n' "$wait"
  sleep "$wait"
else
  printf 'It takes 2 to 5 minutes to take effect.\n'
fi
