// Who may do what: one table, by what it is granted on. Each line is the least role that does, and says why it is needed.
// The GUIDs stand in ../roles.json. Synapse's own roles are not Azure's and can't be granted here: ../grant_synapse_roles.sh.
param storageAccountName string
param insightsName string
@description('Empty: there is no vault.')
param vaultName string
param appPrincipalId string
param topicPrincipalId string
@description('Empty: nobody but the app.')
param operatorPrincipalId string
param operatorPrincipalType string
param requestsQueue string
param poisonQueue string
param resultsQueue string
@description('Empty: nothing is put there.')
param outcomesQueue string
@description('Empty: there is no topic for results.')
param outboxQueue string
@description('Empty: there is no topic for results.')
param resultTopicName string
param deadLetterContainer string
param eventsEnabled bool

var azureRoles = loadJsonContent('../roles.json')
var app = { id: appPrincipalId, type: 'ServicePrincipal' }
var topic = { id: topicPrincipalId, type: 'ServicePrincipal' }
var people = { id: operatorPrincipalId, type: operatorPrincipalType }
var operated = !empty(operatorPrincipalId)

var onAccount = concat([
  {
    principal: app
    role: 'Storage Blob Data Owner'
    reason: 'The host keeps its leases and keys, and the platform the deployed package, in containers that it makes itself.'
  }
  {
    principal: app
    role: 'Storage Table Data Contributor'
    reason: 'Records and audit; and the host writes its diagnostic events to a table that it makes each month (AZFD0003 without).'
  }
], operated ? [
  {
    principal: people
    role: 'Storage Table Data Reader'
    reason: 'Operators read the audit.'
  }
] : [])

var onQueues = concat([
  {
    queue: requestsQueue
    principal: app
    role: 'Storage Queue Data Contributor'
    reason: 'The trigger takes and deletes messages; the app puts, hides and deletes its recovery messages; the scale controller counts.'
  }
  {
    queue: poisonQueue
    principal: app
    role: 'Storage Queue Data Contributor'
    reason: 'The host moves there what it gives up on, and the app answers it. Message Processor alone fails when a message is released.'
  }
  {
    queue: resultsQueue
    principal: app
    role: 'Storage Queue Data Message Sender'
    reason: 'The app writes results, and reads none.'
  }
], empty(outcomesQueue) ? [] : [
  {
    queue: outcomesQueue
    principal: app
    role: 'Storage Queue Data Message Sender'
    reason: 'The app writes how runs ended, and reads none of it.'
  }
], eventsEnabled ? [
  {
    queue: requestsQueue
    principal: topic
    role: 'Storage Queue Data Message Sender'
    reason: 'Event Grid puts events there.'
  }
] : [], empty(resultTopicName) ? [] : [
  {
    queue: outboxQueue
    principal: app
    role: 'Storage Queue Data Contributor'
    reason: 'The app puts events there beside results; the trigger takes and deletes them; the scale controller counts.'
  }
  {
    queue: '${outboxQueue}-poison'
    principal: app
    role: 'Storage Queue Data Contributor'
    reason: 'The host moves there what it gives up on, and the app puts it back.'
  }
], operated ? [
  {
    queue: requestsQueue
    principal: people
    role: 'Storage Queue Data Message Sender'
    reason: 'Operators send requests.'
  }
  {
    queue: poisonQueue
    principal: people
    role: 'Storage Queue Data Reader'
    reason: 'Operators look whether it is empty.'
  }
  {
    queue: resultsQueue
    principal: people
    role: 'Storage Queue Data Reader'
    reason: 'Operators see results without taking them away from their reader.'
  }
] : [], operated && !empty(outcomesQueue) ? [
  {
    queue: outcomesQueue
    principal: people
    role: 'Storage Queue Data Reader'
    reason: 'Operators see outcomes without taking them away from their reader.'
  }
] : [])

var onContainers = eventsEnabled ? [
  {
    container: deadLetterContainer
    principal: topic
    role: 'Storage Blob Data Contributor'
    reason: 'Event Grid keeps there what it could not deliver.'
  }
] : []

var onInsights = [
  {
    principal: app
    role: 'Monitoring Metrics Publisher'
    reason: 'Telemetry is taken from identities alone.'
  }
]

var onVault = empty(vaultName) ? [] : [
  {
    principal: app
    role: 'Key Vault Secrets User'
    reason: 'The platform resolves the references to webhook secrets with the app\'s identity.'
  }
]

var onResultTopic = empty(resultTopicName) ? [] : [
  {
    principal: app
    role: 'EventGrid Data Sender'
    reason: 'The app posts results as events. The topic takes no keys.'
  }
]

resource account 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: storageAccountName
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-08-01' existing = {
  parent: account
  name: 'default'
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-08-01' existing = [for entry in onContainers: {
  parent: blobs
  name: entry.container
}]

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2025-08-01' existing = {
  parent: account
  name: 'default'
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-08-01' existing = [for entry in onQueues: {
  parent: queueService
  name: entry.queue
}]

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = {
  name: empty(vaultName) ? 'none' : vaultName
}

resource resultTopic 'Microsoft.EventGrid/topics@2025-02-15' existing = {
  name: empty(resultTopicName) ? 'none' : resultTopicName
}

resource accountRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for entry in onAccount: {
  name: guid(account.id, entry.principal.id, entry.role)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', azureRoles.ids[entry.role])
    principalId: entry.principal.id
    principalType: entry.principal.type
    description: entry.reason
  }
}]

resource queueRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (entry, index) in onQueues: {
  name: guid(account.id, entry.queue, entry.principal.id, entry.role)
  scope: queues[index]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', azureRoles.ids[entry.role])
    principalId: entry.principal.id
    principalType: entry.principal.type
    description: entry.reason
  }
}]

resource containerRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (entry, index) in onContainers: {
  name: guid(account.id, entry.container, entry.principal.id, entry.role)
  scope: containers[index]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', azureRoles.ids[entry.role])
    principalId: entry.principal.id
    principalType: entry.principal.type
    description: entry.reason
  }
}]

resource insightsRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for entry in onInsights: {
  name: guid(insights.id, entry.principal.id, entry.role)
  scope: insights
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', azureRoles.ids[entry.role])
    principalId: entry.principal.id
    principalType: entry.principal.type
    description: entry.reason
  }
}]

resource vaultRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for entry in onVault: {
  name: guid(resourceGroup().id, vaultName, entry.principal.id, entry.role)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', azureRoles.ids[entry.role])
    principalId: entry.principal.id
    principalType: entry.principal.type
    description: entry.reason
  }
}]

resource resultTopicRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for entry in onResultTopic: {
  name: guid(resourceGroup().id, resultTopicName, entry.principal.id, entry.role)
  scope: resultTopic
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', azureRoles.ids[entry.role])
    principalId: entry.principal.id
    principalType: entry.principal.type
    description: entry.reason
  }
}]
