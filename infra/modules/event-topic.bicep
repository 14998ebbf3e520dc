// The system topic of the storage account whose events become requests. It has an identity of its own: with any rule on
// the network of the queue's account, Event Grid delivers with a system-assigned identity alone.
param name string
param location string
param tags object
param sourceId string
param workspaceId string

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: name
  location: location
  tags: tags
  identity: { type: 'SystemAssigned' }
  properties: {
    source: sourceId
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

resource failures 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'failures'
  scope: topic
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'DeliveryFailures', enabled: true }
    ]
  }
}

output name string = topic.name
output principalId string = topic.identity.principalId
