// The one identity that the app has: for storage, telemetry, Key Vault and Synapse. Made apart from the app, so that
// its roles are there before the app first starts, and stay when the app is made anew.
param name string
param location string
param tags object

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

output id string = identity.id
output clientId string = identity.properties.clientId
output principalId string = identity.properties.principalId
