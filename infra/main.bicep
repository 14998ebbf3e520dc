// From an empty subscription to a running gateway: composition and parameters. Each module has one concern.
// What is set up for which reason, and what of it has never been run in Azure: docs/infra.md.
targetScope = 'subscription'

@minLength(1)
@maxLength(50)
@description('Name of the azd environment. It names the resource group and makes every other name unique.')
param environmentName string

@minLength(1)
@description('Region of everything here. `az functionapp list-flexconsumption-locations --runtime python` lists those that can.')
@metadata({ azd: { type: 'location' } })
param location string

@minLength(1)
@description('SYNAPSE_ENDPOINT: https://<workspace>.dev.azuresynapse.net')
param synapseEndpoint string

@description('Resource id of the Synapse workspace, for a private endpoint to it. Needs vnetEnabled.')
param synapseWorkspaceId string = ''

@description('Object id of a person or group that may send requests and read what became of them. Empty: nobody but the app.')
param operatorPrincipalId string = ''

@allowed(['User', 'Group', 'ServicePrincipal'])
@description('What operatorPrincipalId is.')
param operatorPrincipalType string = 'User'

@allowed(['key', 'entra'])
@description('HTTP_AUTH: function keys, or tokens of Entra ID. See docs/access.md.')
param httpAuth string = 'key'

@description('ENTRA_TENANT_ID, for httpAuth entra. Empty: the tenant of this deployment.')
param entraTenantId string = ''

@description('ENTRA_AUDIENCES, for httpAuth entra: one or several, separated by spaces or commas.')
param entraAudiences string = ''

@allowed(['off', 'otel'])
@description('RUN_TELEMETRY: log lines alone, or traces and metrics too, by OpenTelemetry. It is the host\'s mode as well. See docs/telemetry.md.')
param telemetry string = 'off'

@description('Share of the traces that is sent, with telemetry otel: 0.0 to 1.0. Log lines are always sent.')
param tracesShare string = '1.0'

@description('Settings of the app besides those that this deployment determines, as MAX_ATTEMPTS. docs/settings.md has them all.')
param appSettings object = {}

@description('App settings that hold the secrets of webhooks, as HOOK_GITHUB_SECRETS, separated by spaces. Each becomes a reference to a Key Vault secret: hook-github-secrets. Empty: no vault.')
param webhookSettingNames string = ''

@allowed([512, 2048, 4096])
@description('Memory of an instance in MB. 2048 has one core.')
param instanceMemoryMB int = 2048

@minValue(40)
@maxValue(1000)
@description('Most instances at once. Flex Consumption knows no limit under 40.')
param maximumInstanceCount int = 40

@description('Instances that are kept warm, as { name: \'http\', instanceCount: 1 } or { name: \'function:start_from_queue\', instanceCount: 1 }.')
param alwaysReady array = []

@minValue(1)
@maxValue(1000)
@description('HTTP calls that one instance serves at once. 16 as MAX_CONCURRENT_CALLS: further callers get an instance of their own and do not wait for a slot.')
param httpPerInstanceConcurrency int = 16

@description('Spread instances and storage over the zones of the region. Not every region has them.')
param zoneRedundant bool = false

@description('Put storage, and Synapse and Key Vault where given, behind private endpoints, and the app into a virtual network with one fixed outbound address.')
param vnetEnabled bool = false

@description('Address space of the virtual network, and of the two subnets in it.')
param vnetAddressPrefix string = '10.0.0.0/16'

@description('For the app\'s instances alone: a /27 at least.')
param appSubnetPrefix string = '10.0.0.0/24'

@description('For private endpoints.')
param endpointsSubnetPrefix string = '10.0.1.0/24'

@description('Resource id of the storage account whose events become requests: in this subscription, and without a system topic so far (docs/infra.md). Empty: no Event Grid.')
param eventSourceId string = ''

@description('Region of that account: its system topic lives there. Empty: location.')
param eventSourceLocation string = ''

@description('Only events whose subject begins so are sent, as /blobServices/default/containers/incoming/.')
param eventSubjectBeginsWith string = ''

@description('Types of the events that are sent. The rules in gateway.json decide what becomes of them.')
param eventTypes array = ['Microsoft.Storage.BlobCreated']

@allowed(['all', 'asked', 'none'])
@description('FOLLOW_RUNS: which runs are followed to their end.')
param followRuns string = 'all'

@minValue(1)
@maxValue(300)
@description('FOLLOW_SECONDS: how often a workspace with open runs is asked which have ended.')
param followSeconds int = 15

@description('Put a message on run-outcomes for each run that ended. It never expires: say false if nothing reads that queue.')
param outcomesQueueEnabled bool = true

@description('PUBLIC_URL, as https://runs.example.com: the address that callers use, where it is not the app\'s own. Empty: the app\'s own.')
param publicUrl string = ''

@description('Make an Event Grid topic that gets each result as a CloudEvent (docs/requests.md).')
param resultTopicEnabled bool = false

@description('Who is written to when an alert fires, separated by spaces. Empty: alerts show in the portal alone.')
param alertEmails string = ''

@description('Resource ids of action groups of your own that alerts go to as well.')
param actionGroupIds array = []

@description('Thresholds of alerts that differ from those in the variable alertThresholds, by its names.')
param thresholds object = {}

@minValue(30)
@maxValue(730)
@description('Days that logs are kept.')
param logRetentionDays int = 30

@description('Log every write to storage too, and the host\'s own lines: about four lines a request, at Log Analytics\' price.')
param storageLogs bool = false

// An alert fires above its threshold (storageAvailabilityPercent: below). docs/operate.md has an entry for each alert.
var alertThresholds = {
  poison: 0 // messages
  notEndedMinutes: 15
  outcomeUnknown: 0 // requests
  failedPercent: 20
  throttledMinutes: 10
  notReady: 0 // reasons
  http5xx: 10 // calls
  tokenFailures: 0 // reasons
  runHours: 24 // under 48: an alert looks back two days
  looksFailing: 0 // reasons
  storageThrottled: 10 // calls
  storageForbidden: 20 // calls
  storageAvailabilityPercent: 99
  executionsPerHour: 100000
}
var token = uniqueString(subscription().id, environmentName, location)
var tags = { 'azd-env-name': environmentName }
var packageContainer = 'app-package'
var deadLetterContainer = 'dead-letters'
var requestsQueue = 'run-requests'
var poisonQueue = '${requestsQueue}-poison'
var resultsQueue = 'run-results'
var outcomesQueue = outcomesQueueEnabled ? 'run-outcomes' : ''
var outboxQueue = 'run-outbox'
var runsTable = 'runs'
var auditTable = 'runaudit'
var hookSettings = empty(webhookSettingNames) ? [] : split(webhookSettingNames, ' ')
var eventsEnabled = !empty(eventSourceId)
var vaultEnabled = !empty(hookSettings)
var synapseEndpointEnabled = vnetEnabled && !empty(synapseWorkspaceId)
var privateServices = vnetEnabled ? ['blob', 'queue', 'table'] : []

// What the app reads, by the names of shared/config/settings.py, and what the platform reads. They win over appSettings.
var ownSettings = {
  // The host's own storage, by identity. AzureWebJobsStorage itself is never set, not even empty: the host would take it.
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.outputs.clientId
  AzureWebJobsStorage__blobServiceUri: storage.outputs.blobEndpoint
  AzureWebJobsStorage__queueServiceUri: storage.outputs.queueEndpoint
  AzureWebJobsStorage__tableServiceUri: storage.outputs.tableEndpoint
  // The trigger's connection and the app's. The scale controller reads them too.
  RunStorage__credential: 'managedidentity'
  RunStorage__clientId: identity.outputs.clientId
  RunStorage__queueServiceUri: storage.outputs.queueEndpoint
  RunStorage__tableServiceUri: storage.outputs.tableEndpoint
  RUN_REQUESTS_QUEUE: requestsQueue
  RUN_RESULTS_QUEUE: resultsQueue
  RUN_OUTCOMES_QUEUE: outcomesQueue
  FOLLOW_RUNS: followRuns
  FOLLOW_SECONDS: string(followSeconds)
  PUBLIC_URL: publicUrl
  RUNS_TABLE: runsTable
  RUN_AUDIT_TABLE: auditTable
  SYNAPSE_ENDPOINT: synapseEndpoint
  HTTP_AUTH: httpAuth
  // azure-identity: this identity, and no search for another.
  AZURE_CLIENT_ID: identity.outputs.clientId
  AZURE_TOKEN_CREDENTIALS: 'ManagedIdentityCredential'
  APPLICATIONINSIGHTS_CONNECTION_STRING: monitoring.outputs.connectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.outputs.clientId};Authorization=AAD'
}
var topicSettings = {
  OUTCOME_TOPIC_ENDPOINT: resultTopicEnabled ? resultTopic!.outputs.endpoint : ''
  RUN_OUTBOX_QUEUE: outboxQueue
}

// Read by host and app alike, so that each trace and line is sent once. docs/telemetry.md says what each does.
var telemetrySettings = {
  RUN_TELEMETRY: 'otel'
  PYTHON_ENABLE_OPENTELEMETRY: 'true'
  AzureFunctionsJobHost__telemetryMode: 'OpenTelemetry'
  OTEL_TRACES_SAMPLER: 'microsoft.fixed_percentage'
  OTEL_TRACES_SAMPLER_ARG: tracesShare
  APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL: 'true'
  APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED: 'true'
}
var entraSettings = {
  ENTRA_TENANT_ID: empty(entraTenantId) ? tenant().tenantId : entraTenantId
  ENTRA_AUDIENCES: entraAudiences
  ENTRA_AUTHORITY: environment().authentication.loginEndpoint
}

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: 'id-run-gateway-${token}'
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    workspaceName: 'log-${token}'
    insightsName: 'appi-${token}'
    location: location
    tags: tags
    retentionDays: logRetentionDays
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: 'st${token}'
    location: location
    tags: tags
    zoneRedundant: zoneRedundant
    closed: vnetEnabled
    trustedServices: eventsEnabled
    containers: [packageContainer, deadLetterContainer]
    queues: concat([requestsQueue, poisonQueue, resultsQueue], outcomesQueueEnabled ? [outcomesQueue] : [], resultTopicEnabled ? [outboxQueue, '${outboxQueue}-poison'] : [])
    tables: [runsTable, auditTable]
    workspaceId: monitoring.outputs.workspaceId
    logged: storageLogs
  }
}

module vault 'modules/key-vault.bicep' = if (vaultEnabled) {
  name: 'key-vault'
  scope: group
  params: {
    name: 'kv-${token}'
    location: location
    tags: tags
    closed: vnetEnabled
    workspaceId: monitoring.outputs.workspaceId
  }
}

module network 'modules/network.bicep' = if (vnetEnabled) {
  name: 'network'
  scope: group
  params: {
    name: 'vnet-${token}'
    location: location
    tags: tags
    addressPrefix: vnetAddressPrefix
    appSubnetPrefix: appSubnetPrefix
    endpointsSubnetPrefix: endpointsSubnetPrefix
  }
}

module storageEndpoints 'modules/private-endpoint.bicep' = [for service in privateServices: {
  name: 'endpoint-${service}'
  scope: group
  params: {
    name: 'pe-${service}-${token}'
    location: location
    tags: tags
    networkId: network!.outputs.id
    subnetId: network!.outputs.endpointsSubnetId
    targetId: storage.outputs.id
    groupId: service
    zoneName: 'privatelink.${service}.${environment().suffixes.storage}'
  }
}]

module vaultEndpoint 'modules/private-endpoint.bicep' = if (vnetEnabled && vaultEnabled) {
  name: 'endpoint-vault'
  scope: group
  params: {
    name: 'pe-vault-${token}'
    location: location
    tags: tags
    networkId: network!.outputs.id
    subnetId: network!.outputs.endpointsSubnetId
    targetId: vault!.outputs.id
    groupId: 'vault'
    zoneName: 'privatelink${replace(environment().suffixes.keyvaultDns, '.vault.', '.vaultcore.')}'
  }
}

module synapseDevEndpoint 'modules/private-endpoint.bicep' = if (synapseEndpointEnabled) {
  name: 'endpoint-synapse'
  scope: group
  params: {
    name: 'pe-synapse-${token}'
    location: location
    tags: tags
    networkId: network!.outputs.id
    subnetId: network!.outputs.endpointsSubnetId
    targetId: synapseWorkspaceId
    groupId: 'Dev'
    // The zone follows the endpoint's own cloud: workspace.dev.azuresynapse.net, .usgovcloudapi.net or .azure.cn.
    zoneName: 'privatelink.${join(skip(split(replace(synapseEndpoint, 'https://', ''), '.'), 1), '.')}'
  }
}

module eventTopic 'modules/event-topic.bicep' = if (eventsEnabled) {
  name: 'event-topic'
  scope: group
  params: {
    name: 'evgt-${token}'
    location: empty(eventSourceLocation) ? location : eventSourceLocation
    tags: tags
    sourceId: eventSourceId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module resultTopic 'modules/result-topic.bicep' = if (resultTopicEnabled) {
  name: 'result-topic'
  scope: group
  params: {
    name: 'evgt-runs-${token}'
    location: location
    tags: tags
    closed: vnetEnabled
    workspaceId: monitoring.outputs.workspaceId
  }
}

module resultTopicEndpoint 'modules/private-endpoint.bicep' = if (vnetEnabled && resultTopicEnabled) {
  name: 'endpoint-result-topic'
  scope: group
  params: {
    name: 'pe-topic-${token}'
    location: location
    tags: tags
    networkId: network!.outputs.id
    subnetId: network!.outputs.endpointsSubnetId
    targetId: resultTopic!.outputs.id
    groupId: 'topic'
    // eventgrid.azure.net, .us or .cn: the vault's suffix is another in the US Government's cloud alone.
    zoneName: 'privatelink${replace(replace(environment().suffixes.keyvaultDns, '.vault.', '.eventgrid.'), 'usgovcloudapi.net', 'azure.us')}'
  }
}

module roles 'modules/roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    storageAccountName: storage.outputs.name
    insightsName: monitoring.outputs.insightsName
    vaultName: vaultEnabled ? vault!.outputs.name : ''
    appPrincipalId: identity.outputs.principalId
    topicPrincipalId: eventsEnabled ? eventTopic!.outputs.principalId : ''
    operatorPrincipalId: operatorPrincipalId
    operatorPrincipalType: operatorPrincipalType
    requestsQueue: requestsQueue
    poisonQueue: poisonQueue
    resultsQueue: resultsQueue
    outcomesQueue: outcomesQueue
    outboxQueue: outboxQueue
    resultTopicName: resultTopicEnabled ? resultTopic!.outputs.name : ''
    deadLetterContainer: deadLetterContainer
    eventsEnabled: eventsEnabled
  }
}

module app 'modules/app.bicep' = {
  name: 'app'
  scope: group
  params: {
    name: 'func-run-gateway-${token}'
    planName: 'plan-${token}'
    location: location
    tags: tags
    identityId: identity.outputs.id
    packageUri: '${storage.outputs.blobEndpoint}${packageContainer}'
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReady: alwaysReady
    httpPerInstanceConcurrency: httpPerInstanceConcurrency
    zoneRedundant: zoneRedundant
    subnetId: vnetEnabled ? network!.outputs.appSubnetId : ''
    workspaceId: monitoring.outputs.workspaceId
    logged: storageLogs
    settings: union(appSettings, ownSettings, httpAuth == 'entra' ? entraSettings : {}, resultTopicEnabled ? topicSettings : {}, telemetry == 'otel' ? telemetrySettings : {})
    secretSettings: hookSettings
    vaultUri: vaultEnabled ? vault!.outputs.uri : ''
  }
  // Its first start reads the package, the keys and the tables: by then the roles have to be there, and the way to them.
  dependsOn: [
    roles
    storageEndpoints
    vaultEndpoint
    synapseDevEndpoint
  ]
}

module eventSubscription 'modules/event-subscription.bicep' = if (eventsEnabled) {
  name: 'event-subscription'
  scope: group
  params: {
    topicName: eventTopic!.outputs.name
    storageId: storage.outputs.id
    queueName: requestsQueue
    deadLetterContainer: deadLetterContainer
    subjectBeginsWith: eventSubjectBeginsWith
    eventTypes: eventTypes
  }
  // Event Grid tries the queue when the subscription is made, with the topic's own identity.
  dependsOn: [roles]
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    name: 'run-gateway-${token}'
    tags: tags
    emails: empty(alertEmails) ? [] : split(alertEmails, ' ')
    storageId: storage.outputs.id
    appId: app.outputs.id
    actionGroupIds: actionGroupIds
    thresholds: union(alertThresholds, thresholds)
  }
}

module logAlerts 'modules/log-alerts.bicep' = {
  name: 'log-alerts'
  scope: group
  params: {
    name: 'run-gateway-${token}'
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    actionGroupIds: alerts.outputs.receivers
    thresholds: union(alertThresholds, thresholds)
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: {
    location: location
    tags: tags
    insightsId: monitoring.outputs.insightsId
    workspaceId: monitoring.outputs.workspaceId
  }
}

output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = tenant().tenantId
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_FUNCTION_APP_NAME string = app.outputs.name
output AZURE_STORAGE_ACCOUNT_NAME string = storage.outputs.name
output AZURE_KEY_VAULT_NAME string = vaultEnabled ? vault!.outputs.name : ''
output GATEWAY_URL string = app.outputs.url
@description('The identity that infra/grant_synapse_roles.sh grants the Synapse roles.')
output GATEWAY_PRINCIPAL_ID string = identity.outputs.principalId
output GATEWAY_CLIENT_ID string = identity.outputs.clientId
@description('The address that the app calls Synapse from, for the workspace\'s firewall. Empty without a virtual network: there it changes.')
output GATEWAY_OUTBOUND_IP string = vnetEnabled ? network!.outputs.outboundAddress : ''
