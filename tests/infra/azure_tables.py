"""The tables of Application Insights in a Log Analytics workspace, as far as any query may read them.

Columns and types are those of Azure Monitor's reference: azure-monitor-ref/tables/includes of
github.com/MicrosoftDocs/azure-reference-other (apptraces-include.md at 04e8b5c, apprequests-include.md at 97500f2,
appexceptions-include.md at 161a4d9), shown on learn.microsoft.com/azure/azure-monitor/reference/tables/apptraces.
"""

from typing import Final

_ALL: Final = {
    "TimeGenerated": "datetime",
    "ItemCount": "int",
    "OperationId": "string",
    "OperationName": "string",
    "ParentId": "string",
    "Properties": "dynamic",
    "Measurements": "dynamic",
    "AppRoleName": "string",
    "AppRoleInstance": "string",
    "SDKVersion": "string",
    "Type": "string",
    "_ResourceId": "string",
}
TABLES: Final = {
    "AppTraces": _ALL | {"Message": "string", "SeverityLevel": "int"},
    "AppRequests": _ALL
    | {
        "Id": "string",
        "Name": "string",
        "Url": "string",
        "Source": "string",
        "Success": "bool",
        "ResultCode": "string",
        "DurationMs": "real",
    },
    "AppExceptions": _ALL
    | {
        "Message": "string",
        "SeverityLevel": "int",
        "ExceptionType": "string",
        "ProblemId": "string",
        "OuterMessage": "string",
        "OuterType": "string",
        "InnermostMessage": "string",
        "InnermostType": "string",
        "Details": "dynamic",
    },
}
