// What the platform's own metrics can say, and whom it is said to. There is no metric of one queue's depth and none of a
// request's outcome: those stand in the log lines, see log-alerts.bicep.
param name string
param tags object
param emails array
param actionGroupIds array
param storageId string
param appId string
param thresholds object

var onStorage = [
  {
    name: 'storage-throttled'
    question: 'Does storage turn calls away, or is it overloaded? Requests wait and are tried again.'
    severity: 2
    windowSize: 'PT5M'
    metric: 'Transactions'
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: thresholds.storageThrottled
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
    question: 'Does storage refuse an identity? A role is missing, or somebody tries doors.'
    severity: 2
    windowSize: 'PT15M'
    metric: 'Transactions'
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: thresholds.storageForbidden
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
    question: 'Does storage fail calls? Nothing is lost; requests wait.'
    severity: 1
    windowSize: 'PT5M'
    metric: 'Availability'
    aggregation: 'Average'
    operator: 'LessThan'
    threshold: thresholds.storageAvailabilityPercent
    dimensions: []
  }
]

var onApp = [
  {
    name: 'app-silent'
    question: 'Did nothing run for six hours, though a timer runs every hour? The app does not start, or has no functions.'
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
    question: 'Are there more executions in an hour than were expected? Somebody sends in a loop, or messages come back.'
    severity: 2
    windowSize: 'PT1H'
    frequency: 'PT15M'
    metric: 'OnDemandFunctionExecutionCount'
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: thresholds.executionsPerHour
  }
  // An alert's criteria all have to be met, and the warm instances count apart: an alert of its own.
  {
    name: 'app-running-wild-warm'
    question: 'Are there more executions in an hour on always-ready instances than were expected? Somebody sends in a loop, or messages come back.'
    severity: 2
    windowSize: 'PT1H'
    frequency: 'PT15M'
    metric: 'AlwaysReadyFunctionExecutionCount'
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: thresholds.executionsPerHour
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

var receivers = concat([people.id], actionGroupIds)

resource storageAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [for alert in onStorage: {
  name: '${name}-${alert.name}'
  location: 'global'
  tags: tags
  properties: {
    description: '${alert.question} Rests on platform metrics. See docs/operate.md#alert-${alert.name}.'
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
    actions: [for id in receivers: { actionGroupId: id }]
  }
}]

resource appAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [for alert in onApp: {
  name: '${name}-${alert.name}'
  location: 'global'
  tags: tags
  properties: {
    description: '${alert.question} Rests on platform metrics. See docs/operate.md#alert-${alert.name}.'
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
    actions: [for id in receivers: { actionGroupId: id }]
  }
}]

output receivers array = receivers
