// A page over the log lines: what became of requests, why they failed, what waits. Its queries are those of infra/queries.
param location string
param tags object
param insightsId string
param workspaceId string

var queries = [
  { name: 'deliveries', title: 'Deliveries that ended, by status', query: loadTextContent('../queries/deliveries.kql') }
  { name: 'codes', title: 'Why requests did not start', query: loadTextContent('../queries/codes.kql') }
  { name: 'not-ended', title: 'Requests that were deferred and have not ended', query: loadTextContent('../queries/not-ended.kql') }
  { name: 'durations', title: 'Milliseconds from arrival to run', query: loadTextContent('../queries/durations.kql') }
  { name: 'outcomes', title: 'How runs ended', query: loadTextContent('../queries/outcomes.kql') }
  { name: 'runs-not-ended', title: 'Followed runs without a reported end', query: loadTextContent('../queries/runs-not-ended.kql') }
  { name: 'throttled', title: 'Workspaces that answer 429 and have started nothing since', query: loadTextContent('../queries/throttled.kql') }
  { name: 'failed-starts', title: 'Share of failed starts', query: loadTextContent('../queries/failed-starts.kql') }
  { name: 'attention', title: 'For an operator', query: loadTextContent('../queries/attention.kql') }
]

var head = [
  {
    type: 1
    name: 'head'
    content: {
      json: '# Synapse run gateway\nOne log line ends each delivery, one says that a request waits, one how a run ended. What the lines mean: docs/log.md; what to do: docs/operate.md.'
    }
  }
  {
    type: 9
    name: 'time'
    content: {
      version: 'KqlParameterItem/1.0'
      parameters: [
        {
          version: 'KqlParameterItem/1.0'
          name: 'Range'
          type: 4
          isRequired: true
          value: { durationMs: 86400000 }
          typeSettings: {
            selectableValues: [{ durationMs: 3600000 }, { durationMs: 86400000 }, { durationMs: 604800000 }]
          }
        }
      ]
    }
  }
]

var tables = [for one in queries: {
  type: 3
  name: one.name
  content: {
    version: 'KqlItem/1.0'
    title: one.title
    query: one.query
    timeContextFromParameter: 'Range'
    queryType: 0
    resourceType: 'microsoft.operationalinsights/workspaces'
    crossComponentResources: [workspaceId]
    size: 0
  }
}]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'run-gateway')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Synapse run gateway'
    category: 'workbook'
    sourceId: insightsId
    serializedData: string({ version: 'Notebook/1.0', items: concat(head, tables), isLocked: false })
  }
}
