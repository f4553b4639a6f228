"""Differences between the tables and the XML schemas of release 2 that are intended. Read by `review.py`."""

# Type here, type there.
SAME_TYPE = {
    ("m2m:label", "xs:token"),  # the same, with a limit of its length
    ("m2m:pointOfAccess", "xs:string"),  # has a name of its own since release 3
    ("m2m:serialization", "m2m:permittedMediaTypes"),  # short words since release 3
    ("m2m:setOfSelfAcrs", "m2m:setOfAcrs"),  # at least one rule (TS-0004 7.4.2.1), which the schema does not express
    ("m2m:longMin-1", "xs:long"),
}

RELEASE_3 = "as in release 3 (TS-0004 3.32)"
UNION = "a union in the schema, which lists one part"
SECOND_SOURCE = "of release 4, or of TS-0022, which have no schema in this set"
VIRTUAL = "a virtual child, which a representation does not mention in JSON"

# Where and what, `*` for all; to the reason.
EXPLAINED = {
    ("*", "values not in the schema"): "later releases add values",
    ("*", "no schema"): SECOND_SOURCE,
    ("CSEBase", "dynamicAuthorizationConsultationIDs"): "release 2 as a common attribute; the schema of CSEBase forgot it",
    ("containerAnnc", "currentByteSize"): "NA in TS-0001 3.36",
    ("containerAnnc", "currentNrOfInstances"): "NA in TS-0001 3.36",
    ("containerAnnc", "stateTag"): "NA in TS-0001 3.36",
    ("contentInstanceAnnc", "contentSize"): "NA in TS-0001 3.36",
    ("contentInstanceAnnc", "stateTag"): "NA in TS-0001 3.36",
    ("contentInstanceAnnc", "contentRef"): "OA in TS-0001 3.36",
    ("areaNwkDeviceInfo", "devId"): "spelled devID there; the short name is the same",
    ("areaNwkDeviceInfo", "devID"): "spelled devId here; the short name is the same",
    ("areaNwkDeviceInfoAnnc", "devId"): "spelled devID there",
    ("areaNwkDeviceInfoAnnc", "devID"): "spelled devId here",
    ("areaNwkDeviceInfo", "listOfNeighbors"): RELEASE_3,
    ("areaNwkInfo", "listOfDevices"): RELEASE_3,
    ("cmdhLimits", "requestContext"): RELEASE_3,
    ("cmdhLimits", "requestCharacteristics"): RELEASE_3,
    ("cmdhLimits", "limitsDelAggregation"): "one or two booleans, which the schema writes as a restricted token",
    ("cmdhNwAccessRule", "otherConditions"): RELEASE_3,
    ("cmdhNwAccessRule", "mgmtLink"): "an array as in every other management object, so that JSON has one form",
    ("deviceInfo", "fwVersion"): RELEASE_3,
    ("deviceInfo", "swVersion"): RELEASE_3,
    ("deviceInfo", "hwVersion"): RELEASE_3,
    ("flexContainer", "contentSize"): "added after this set of schemas",
    ("flexContainer", "nodeLink"): "added after this set of schemas",
    ("flexContainer", "creationTime"): "may be left out below another flexContainer; this node always gives it",
    ("flexContainer", "lastModifiedTime"): "may be left out below another flexContainer; this node always gives it",
    ("flexContainer", "expirationTime"): "may be left out below another flexContainer; this node always gives it",
    ("group", "memberTypeValidated"): "0..1 in TS-0004 3.32",
    ("group", "consistencyStrategy"): "1 in TS-0004 3.32, where it has a default",
    ("request", "primitiveContent"): "a RETRIEVE has none (TS-0004 3.32: 0..1)",
    ("request", "stateTag"): RELEASE_3,
    ("timeSeries", "creator"): RELEASE_3,
    ("timeSeries", "stateTag"): RELEASE_3,
    ("timeSeriesAnnc", "stateTag"): RELEASE_3,
    ("timeSeries", "latest"): VIRTUAL,
    ("timeSeries", "oldest"): VIRTUAL,
    ("timeSeries", "periodicInterval"): RELEASE_3,
    ("timeSeries", "missingDataMaxNr"): RELEASE_3,
    ("timeSeries", "missingDataDetectTimer"): RELEASE_3,
    ("timeSeriesInstance", "creator"): SECOND_SOURCE,
    ("dynamicAuthorizationConsultation", "dynamicAuthorizationPoA"): RELEASE_3,
    ("locationPolicy", "locationTargetID"): RELEASE_3,
    ("locationPolicy", "locationContainerID"): RELEASE_3,
    ("notificationTargetMgmtPolicyRef", "notificationTargetURI"): RELEASE_3,
    ("notificationTargetMgmtPolicyRef", "notificationPolicyID"): "misspelled in the schema",
    ("notificationTargetMgmtPolicyRef", "notificationlPolicyID"): "misspelled in the schema",
    ("schedule", "accessControlPolicyIDs"): RELEASE_3,
    ("schedule", "dynamicAuthorizationConsultationIDs"): RELEASE_3,
    ("semanticDescriptor", "descriptorRepresentation"): RELEASE_3,
    ("semanticDescriptorAnnc", "semanticOpExec"): "NA in TS-0001 3.36",
    ("m2m:responseTypeInfo", "notificationURI"): RELEASE_3,
    ("timeSeries", "missingDataList"): UNION,
    ("timeSeries", "missingDataCurrentNr"): "1 in TS-0004 3.32",
    ("timeSeriesAnnc", "currentByteSize"): "NA in TS-0001 3.36",
    ("timeSeriesAnnc", "currentNrOfInstances"): "NA in TS-0001 3.36",
    ("timeSeriesAnnc", "missingDataCurrentNr"): "NA in TS-0001 3.36",
    ("timeSeriesAnnc", "missingDataDetect"): "NA in TS-0001 3.36",
    ("timeSeriesAnnc", "missingDataList"): "NA in TS-0001 3.36",
    ("timeSeriesAnnc", "missingDataMaxNr"): "OA in TS-0001 3.36",
    ("mgmtObj", "mgmtLink"): "declared by each specialisation there",
    ("mgmtObj", "mgmtSchema"): "added after this set of schemas",
    ("m2m:accessControlRule", "accessControlObjectDetails"): "of release 3",
    ("m2m:batchNotify", "*"): "each may be left out in release 3",
    ("m2m:eventNotificationCriteria", "*"): "release 3 adds members, and replaces types of two of them",
    ("m2m:filterCriteria", "*"): "release 3 adds members",
    ("m2m:mgmtLinkRef", "*"): "XML attributes and text content in the schema, members in JSON",
    ("m2m:missingData", "number"): RELEASE_3,
    ("m2m:rateLimit", "*"): RELEASE_3,
    ("m2m:memberType", ""): "10034 is gone in release 3",
}
