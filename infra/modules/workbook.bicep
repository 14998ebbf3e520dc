// A page over the log lines: what became of requests, why they failed, what waits.
param location string
param tags object
param insightsId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'run-gateway')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Synapse run gateway'
    category: 'workbook'
    sourceId: insightsId
    serializedData: loadTextContent('../workbook.json')
  }
}
