// What the app's log lines say: an alert for each query. These must not miss, so they need no OpenTelemetry.
param name string
param location string
param tags object
param workspaceId string
param actionGroupIds array
param thresholds object

// An alert fires if its query returns more rows than the threshold, or a row whose measure is above it.
var alerts = [
  {
    name: 'poison'
    question: 'Which messages did the platform give up on?'
    query: loadTextContent('../queries/poison.kql')
    severity: 2
    window: 'PT15M'
    frequency: 'PT5M'
    aggregation: 'Count'
    measure: null
    threshold: thresholds.poison
  }
  {
    name: 'not-ended'
    question: 'Which requests were deferred and have not ended for so many minutes?'
    query: loadTextContent('../queries/not-ended.kql')
    severity: 1
    window: 'P2D'
    frequency: 'PT15M'
    aggregation: 'Maximum'
    measure: 'minutes'
    threshold: thresholds.notEndedMinutes
  }
  {
    name: 'outcome-unknown'
    question: 'Which requests may have started a run that nobody knows of?'
    query: loadTextContent('../queries/outcome-unknown.kql')
    severity: 1
    window: 'PT15M'
    frequency: 'PT5M'
    aggregation: 'Count'
    measure: null
    threshold: thresholds.outcomeUnknown
  }
  {
    name: 'failed-starts'
    question: 'Which percentage of the requests that were to start fails?'
    query: loadTextContent('../queries/failed-starts.kql')
    severity: 2
    window: 'PT1H'
    frequency: 'PT15M'
    aggregation: 'Maximum'
    measure: 'failedPercent'
    threshold: thresholds.failedPercent
  }
  {
    name: 'throttled'
    question: 'Which workspaces have answered 429 for so many minutes, and started nothing since?'
    query: loadTextContent('../queries/throttled.kql')
    severity: 2
    window: 'PT1H'
    frequency: 'PT5M'
    aggregation: 'Maximum'
    measure: 'minutes'
    threshold: thresholds.throttledMinutes
  }
  {
    name: 'not-ready'
    question: 'What keeps the app from working: wrong settings, no access to storage, no token?'
    query: loadTextContent('../queries/not-ready.kql')
    severity: 1
    window: 'PT1H'
    frequency: 'PT5M'
    aggregation: 'Count'
    measure: null
    threshold: thresholds.notReady
  }
  {
    name: 'http-5xx'
    question: 'Which calls over HTTP were answered 5xx?'
    query: loadTextContent('../queries/http-5xx.kql')
    severity: 2
    window: 'PT15M'
    frequency: 'PT5M'
    aggregation: 'Count'
    measure: null
    threshold: thresholds.http5xx
  }
  {
    name: 'token-failures'
    question: 'Could the app get no token for Synapse, or did Synapse refuse one?'
    query: loadTextContent('../queries/token-failures.kql')
    severity: 2
    window: 'PT15M'
    frequency: 'PT5M'
    aggregation: 'Count'
    measure: null
    threshold: thresholds.tokenFailures
  }
  {
    name: 'runs-not-ended'
    question: 'Which followed runs have no reported end after so many hours?'
    query: loadTextContent('../queries/runs-not-ended.kql')
    severity: 2
    window: 'P2D'
    frequency: 'PT1H'
    aggregation: 'Maximum'
    measure: 'hours'
    threshold: thresholds.runHours
  }
  {
    name: 'looks-failing'
    question: 'What keeps the gateway from learning how runs end?'
    query: loadTextContent('../queries/looks-failing.kql')
    severity: 2
    window: 'PT2H'
    frequency: 'PT15M'
    aggregation: 'Count'
    measure: null
    threshold: thresholds.looksFailing
  }
]

resource logAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for alert in alerts: {
  name: '${name}-${alert.name}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: '${name}-${alert.name}'
    description: '${alert.question} Rests on log lines. See docs/operate.md#alert-${alert.name}.'
    severity: alert.severity
    enabled: true
    autoMitigate: true
    scopes: [workspaceId]
    evaluationFrequency: alert.frequency
    windowSize: alert.window
    // A fresh workspace does not have the tables yet.
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: alert.query
          timeAggregation: alert.aggregation
          metricMeasureColumn: alert.measure
          operator: 'GreaterThan'
          threshold: alert.threshold
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: { actionGroups: actionGroupIds }
  }
}]
