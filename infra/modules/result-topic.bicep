// The custom topic that gets results as CloudEvents. It takes no keys: publishers have the role EventGrid Data Sender. Who
// subscribes to it, and how, is theirs to decide; an event that nobody subscribes to is gone at once.
param name string
param location string
param tags object
@description('Whether it can be reached through its private endpoint alone. What it delivers is not concerned.')
param closed bool
param workspaceId string

resource topic 'Microsoft.EventGrid/topics@2025-02-15' = {
  // checkov:skip=CKV_AZURE_193: A parameter: closed, as everything else, where there is a virtual network.
  name: name
  location: location
  tags: tags
  // For deliveries by identity, should a subscription want them.
  identity: { type: 'SystemAssigned' }
  properties: {
    inputSchema: 'CloudEventSchemaV1_0'
    disableLocalAuth: true
    minimumTlsVersionAllowed: '1.2'
    publicNetworkAccess: closed ? 'Disabled' : 'Enabled'
  }
}

resource failures 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'failures'
  scope: topic
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'DeliveryFailures', enabled: true }
      { category: 'PublishFailures', enabled: true }
    ]
  }
}

output id string = topic.id
output name string = topic.name
output endpoint string = topic.properties.endpoint
