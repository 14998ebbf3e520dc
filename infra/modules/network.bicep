// The virtual network: a subnet that the app's instances join, one for private endpoints, and one fixed address outward.
param name string
param location string
param tags object
param addressPrefix string
param appSubnetPrefix string
param endpointsSubnetPrefix string

resource address 'Microsoft.Network/publicIPAddresses@2024-10-01' = {
  name: '${name}-outbound'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: { publicIPAllocationMethod: 'Static' }
}

// Entra, telemetry and Synapse's public endpoint are reached through it; a workspace's firewall can name its address.
resource gateway 'Microsoft.Network/natGateways@2024-10-01' = {
  name: '${name}-outbound'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: {
    publicIpAddresses: [{ id: address.id }]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2024-10-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressPrefix] }
    subnets: [
      {
        // No underscore in the name, nothing else inside: Flex Consumption refuses the subnet otherwise.
        name: 'app'
        properties: {
          addressPrefix: appSubnetPrefix
          defaultOutboundAccess: false
          natGateway: { id: gateway.id }
          delegations: [
            {
              name: 'flex'
              properties: { serviceName: 'Microsoft.App/environments' }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: endpointsSubnetPrefix
          defaultOutboundAccess: false
          privateEndpointNetworkPolicies: 'Disabled'
        }
      }
    ]
  }
}

output id string = network.id
output appSubnetId string = '${network.id}/subnets/app'
output endpointsSubnetId string = '${network.id}/subnets/endpoints'
output outboundAddress string = address.properties.ipAddress
