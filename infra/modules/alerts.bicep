// What the platform's own metrics can say, and whom it is said to. There is no metric of one queue's depth and none of a
// request's outcome: those stand in the log lines.
param name string
param tags object
param emails array
param storageId string
param appId string
param executionsPerHour int

var onStorage = [
  {
    name: 'storage-throttled'
    description: 'Storage turned calls away or was overloaded. Requests wait and are tried again; see docs/operate.md.'
    severity: 2
    windowSize: 'PT5M'
    metric: 'Transactions'
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 10
    dimensions: [
      {
        name: 'ResponseType'
        operator: 'Include'
        values: ['ServerBusyError', 'ServerTimeoutError', 'ClientThrottlingError', 'ClientAccountRequestThrottlingError', 'ClientAccountBandwidthThrottlingError']
      }
    ]
  }
  {
    name: 'storage-forbidden'
    description: 'Storage refused an identity. A role is missing, or somebody tries doors.'
    severity: 2
    windowSize: 'PT15M'
    metric: 'Transactions'
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 20
    dimensions: [
      {
        name: 'ResponseType'
        operator: 'Include'
        values: ['AuthorizationError', 'AuthenticationError']
      }
    ]
  }
  {
    name: 'storage-away'
    description: 'Storage failed calls. Nothing is lost; requests wait.'
    severity: 1
    windowSize: 'PT5M'
    metric: 'Availability'
    aggregation: 'Average'
    operator: 'LessThan'
    threshold: 99
    dimensions: []
  }
]

var onApp = [
  {
    name: 'app-silent'
    description: 'Nothing ran for six hours, though a timer runs every hour: the app does not start, or has no functions.'
    severity: 1
    windowSize: 'PT6H'
    frequency: 'PT1H'
    metric: 'OnDemandFunctionExecutionCount'
    aggregation: 'Total'
    operator: 'LessThan'
    threshold: 1
  }
  {
    name: 'app-running-wild'
    description: 'More executions in an hour than were expected: somebody sends in a loop, or messages come back.'
    severity: 2
    windowSize: 'PT1H'
    frequency: 'PT15M'
    metric: 'OnDemandFunctionExecutionCount'
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: executionsPerHour
  }
  // An alert's criteria all have to be met, and the warm instances count apart: an alert of its own.
  {
    name: 'app-running-wild-warm'
    description: 'More executions in an hour on always-ready instances than were expected: somebody sends in a loop, or messages come back.'
    severity: 2
    windowSize: 'PT1H'
    frequency: 'PT15M'
    metric: 'AlwaysReadyFunctionExecutionCount'
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: executionsPerHour
  }
  {
    name: 'app-5xx'
    description: 'Callers over HTTP get errors of the gateway or of Synapse.'
    severity: 2
    windowSize: 'PT15M'
    frequency: 'PT5M'
    metric: 'Http5xx'
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 10
  }
]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: name
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'run-gateway'
    emailReceivers: [for email in emails: {
      name: email
      emailAddress: email
      useCommonAlertSchema: true
    }]
  }
}

resource storageAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [for alert in onStorage: {
  name: '${name}-${alert.name}'
  location: 'global'
  tags: tags
  properties: {
    description: alert.description
    severity: alert.severity
    enabled: true
    autoMitigate: true
    scopes: [storageId]
    evaluationFrequency: 'PT5M'
    windowSize: alert.windowSize
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: alert.name
          metricNamespace: 'Microsoft.Storage/storageAccounts'
          metricName: alert.metric
          timeAggregation: alert.aggregation
          operator: alert.operator
          threshold: alert.threshold
          dimensions: alert.dimensions
        }
      ]
    }
    actions: [{ actionGroupId: people.id }]
  }
}]

resource appAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [for alert in onApp: {
  name: '${name}-${alert.name}'
  location: 'global'
  tags: tags
  properties: {
    description: alert.description
    severity: alert.severity
    enabled: true
    autoMitigate: true
    scopes: [appId]
    evaluationFrequency: alert.frequency
    windowSize: alert.windowSize
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: alert.name
          metricNamespace: 'Microsoft.Web/sites'
          metricName: alert.metric
          timeAggregation: alert.aggregation
          operator: alert.operator
          threshold: alert.threshold
          // Before its first deployment an app may not have the metric yet.
          skipMetricValidation: true
        }
      ]
    }
    actions: [{ actionGroupId: people.id }]
  }
}]
