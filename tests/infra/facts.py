"""Facts about Azure that no file of Azure's own says in a form that can be derived, each with its source."""

from typing import Final

#: Azure's built-in roles (learn.microsoft.com/azure/role-based-access-control/built-in-roles). The first four stand in
#: infra/app/rbac.bicep of Azure-Samples' quickstarts too.
ROLES: Final = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a": "Storage Queue Data Message Sender",
    "19e7f393-937e-4f77-808e-94535e297925": "Storage Queue Data Reader",
    "76199698-9eea-4c19-bc75-cec21354c6b6": "Storage Table Data Reader",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "d5a91429-5739-47e2-a06b-3470a27159e7": "EventGrid Data Sender",
}

#: The form of a custom topic's endpoint (azure-docs, event-grid/post-to-custom-topic.md).
TOPIC_ENDPOINT: Final = "https://exampletopic.westus2-1.eventgrid.azure.net/api/events"

#: Properties of siteConfig that ARM refuses for Flex (error 51021: azure-cli#31414, functions-host#10643) or that the
#: platform does not have there (alwaysOn, healthCheckPath, the FTP and credential policies: Flex documentation).
FLEX_SITE_CONFIG: Final = {
    "alwaysOn",
    "ftpsState",
    "functionAppScaleLimit",
    "functionsRuntimeScaleMonitoringEnabled",
    "healthCheckPath",
    "linuxFxVersion",
    "netFrameworkVersion",
    "preWarmedInstanceCount",
    "use32BitWorkerProcess",
}

#: App settings that ARM refuses for Flex, or that `az functionapp flex-migration` drops (azure-cli, appservice/custom.py).
FLEX_SETTINGS: Final = {
    "AZUREWEBJOBSDASHBOARD",
    "ENABLE_ORYX_BUILD",
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_MAX_HTTP_CONCURRENCY",
    "FUNCTIONS_WORKER_DYNAMIC_CONCURRENCY_ENABLED",
    "FUNCTIONS_WORKER_PROCESS_COUNT",
    "FUNCTIONS_WORKER_RUNTIME",
    "FUNCTIONS_WORKER_RUNTIME_VERSION",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "TZ",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTOVERVNET",
    "WEBSITE_CONTENTSHARE",
    "WEBSITE_DNS_SERVER",
    "WEBSITE_LOAD_CERTIFICATES",
    "WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT",
    "WEBSITE_MOUNT_ENABLED",
    "WEBSITE_NODE_DEFAULT_VERSION",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_SKIP_CONTENTSHARE_VALIDATION",
    "WEBSITE_TIME_ZONE",
    "WEBSITE_USE_PLACEHOLDER_DOTNETISOLATED",
    "WEBSITE_VNET_ROUTE_ALL",
}

#: Platform metrics with an aggregation that they have (azure-docs, metrics of storageAccounts and of sites; those of Flex
#: are listed there as "for Flex Consumption FunctionApps only").
METRICS: Final = {
    ("Microsoft.Storage/storageAccounts", "Availability", "Average"),
    ("Microsoft.Storage/storageAccounts", "Transactions", "Total"),
    ("Microsoft.Web/sites", "AlwaysReadyFunctionExecutionCount", "Total"),
    ("Microsoft.Web/sites", "OnDemandFunctionExecutionCount", "Total"),
}
#: Values of the dimension ResponseType of storage's Transactions (azure-docs, storage monitoring data reference).
RESPONSE_TYPES: Final = {
    "AuthenticationError",
    "AuthorizationError",
    "ClientAccountBandwidthThrottlingError",
    "ClientAccountRequestThrottlingError",
    "ClientThrottlingError",
    "ServerBusyError",
    "ServerTimeoutError",
}
#: What a metric alert may look back over, and how often it may look, in minutes.
MINUTES: Final = {
    "PT1M": 1,
    "PT5M": 5,
    "PT15M": 15,
    "PT30M": 30,
    "PT1H": 60,
    "PT6H": 360,
    "PT12H": 720,
    "P1D": 1440,
}
#: Besides those, a query rule may look back over two hours, and over two days (terraform-provider-azurerm #18960, azure-rest-api-specs #21258).
QUERY_MINUTES: Final = MINUTES | {"PT2H": 120, "P2D": 2880}
EVALUATIONS: Final = {"PT1M", "PT5M", "PT15M", "PT30M", "PT1H"}
