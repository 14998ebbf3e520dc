// The Flex Consumption plan and the function app. What Flex rejects is not here: docs/infra.md lists it.
param name string
param planName string
param location string
param tags object
param identityId string
@description('The container that holds the deployed package.')
param packageUri string
param instanceMemoryMB int
param maximumInstanceCount int
param alwaysReady array
param httpPerInstanceConcurrency int
param zoneRedundant bool
@description('Empty: no virtual network.')
param subnetId string
@description('App settings by name; values are texts.')
param settings object
@description('Names of the app settings that Key Vault holds.')
param secretSettings array
param vaultUri string
param workspaceId string
param logged bool

var plainSettings = [for setting in items(settings): {
  name: setting.key
  value: setting.value
}]
// Without a version: the platform takes a new one within a day, so a secret is renewed without a deployment.
var secretReferences = [for setting in secretSettings: {
  name: setting
  value: '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/${toLower(replace(setting, '_', '-'))})'
}]

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  // checkov:skip=CKV_AZURE_225: A parameter, as not every region has zones.
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource site 'Microsoft.Web/sites@2025-03-01' = {
  // checkov:skip=CKV_AZURE_17: Callers prove themselves by key, token or signature; Event Grid has no client certificate.
  // checkov:skip=CKV_AZURE_18: The front end speaks HTTP/2 where it will; http20Enabled is not known to be taken on Flex.
  // checkov:skip=CKV_AZURE_67: The front end speaks HTTP/2 where it will; http20Enabled is not known to be taken on Flex.
  // checkov:skip=CKV_AZURE_78: Flex has no FTP, and refuses ftpsState (ARM error 51021).
  // checkov:skip=CKV_AZURE_212: Flex scales by itself; alwaysReady keeps instances where they are wanted.
  // checkov:skip=CKV_AZURE_213: Flex has no health check of the platform's; alerts.bicep tells of a silent app.
  // checkov:skip=CKV_AZURE_222: The HTTP API and webhooks are called from outside. What they must prove: docs/access.md.
  name: name
  location: location
  // azd finds the app of the service in azure.yaml by this tag.
  tags: union(tags, { 'azd-service-name': 'gateway' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: 'Enabled'
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      appSettings: concat(plainSettings, secretReferences)
    }
    functionAppConfig: {
      runtime: { name: 'python', version: '3.13' }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageUri
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReady
        triggers: {
          http: { perInstanceConcurrency: httpPerInstanceConcurrency }
        }
      }
    }
  }
}

resource hostLog 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (logged) {
  name: 'host'
  scope: site
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'FunctionAppLogs', enabled: true }
    ]
  }
}

output id string = site.id
output name string = site.name
output url string = 'https://${site.properties.defaultHostName}'
