"""What the reference data cannot say, or says wrongly, with the reason for each entry. Read by `generate.py`."""

# number, long name, short name, release, virtual
FILES = [
    (5, "CSEBase", "cb", 1, False),
    (2, "AE", "ae", 1, False),
    (3, "container", "cnt", 1, False),
    (4, "contentInstance", "cin", 1, False),
    (1, "accessControlPolicy", "acp", 1, False),
    (23, "subscription", "sub", 1, False),
    (14, "node", "nod", 1, False),
    (13, "mgmtObj", "mgo", 1, False),
    (28, "flexContainer", "fcnt", 2, False),
    (58, "flexContainerInstance", "fci", 4, False),
    (9, "group", "grp", 1, False),
    (17, "request", "req", 1, False),
    (29, "timeSeries", "ts", 2, False),
    (30, "timeSeriesInstance", "tsi", 2, False),
    (15, "pollingChannel", "pch", 1, False),
    (18, "schedule", "sch", 1, False),
    (10, "locationPolicy", "lcp", 1, False),
    (24, "semanticDescriptor", "smd", 2, False),
    (48, "crossResourceSubscription", "crs", 3, False),
    (25, "notificationTargetMgmtPolicyRef", "ntpr", 2, False),
    (26, "notificationTargetPolicy", "ntp", 2, False),
    (27, "policyDeletionRules", "pdr", 2, False),
    (43, "AEContactList", "alst", 3, False),
    (44, "AEContactListPerCSE", "alpc", 3, False),
    (34, "dynamicAuthorizationConsultation", "dac", 2, False),
    (11, "m2mServiceSubscriptionProfile", "mssp", 1, False),
    (20, "serviceSubscribedNode", "svsn", 1, False),
    (19, "serviceSubscribedAppRule", "asar", 1, False),
    (62, "primitiveProfile", "prp", 4, False),
    (63, "processManagement", "prmr", 4, False),
    (64, "state", "stte", 4, False),
    (65, "action", "actr", 4, False),
    (66, "dependency", "depr", 4, False),
    # Virtual resources have no number in m2m:resourceType.
    (0, "latest", "la", 1, True),
    (0, "oldest", "ol", 1, True),
    (0, "fanOutPoint", "fopt", 1, True),
    (0, "semanticFanOutPoint", "sfop", 3, True),
    (0, "pollingChannelURI", "pcu", 1, True),
    (0, "notificationTargetSelfReference", "ntsr", 2, True),
]

# Clauses of TS-0001 that the table of resource types leaves out.
CLAUSES = {
    **{name: "release 4" for name in ("flexContainerInstance", "primitiveProfile", "processManagement", "state", "action", "dependency")},
    "latest": "9.6.27", "oldest": "9.6.28", "fanOutPoint": "9.6.14", "pollingChannelURI": "9.6.22", "notificationTargetSelfReference": "9.6.34",
}

# The service function that carries out the procedures of a type: without it, the type is a table that nobody keeps.
FUNCTIONS = {
    "AE": "registration", "m2mServiceSubscriptionProfile": "registration", "serviceSubscribedNode": "registration",
    "serviceSubscribedAppRule": "registration", "subscription": "subscription", "group": "group", "request": "request",
    "timeSeries": "time-series", "timeSeriesInstance": "time-series", "pollingChannel": "polling", "schedule": "schedule",
    "locationPolicy": "location", "semanticDescriptor": "semantics", "crossResourceSubscription": "cross-resource",
    "notificationTargetMgmtPolicyRef": "notification-target", "notificationTargetPolicy": "notification-target",
    "policyDeletionRules": "notification-target", "AEContactList": "contact-list", "AEContactListPerCSE": "contact-list",
    "processManagement": "process", "state": "process", "action": "action", "dependency": "action",
    "primitiveProfile": "primitive-profile",
}

# Virtual resources below resources of a type.
VIRTUAL_CHILDREN = {
    "container": ["la", "ol"], "flexContainer": ["la", "ol"], "timeSeries": ["la", "ol"], "group": ["fopt", "sfop"],
    "pollingChannel": ["pcu"], "subscription": ["ntsr"], "crossResourceSubscription": ["ntsr"],
}

# The operations of a type are in its procedures (TS-0004 7.4), not in a table. N: notifications may be addressed to it.
OPERATIONS = {
    "CSEBase": "RN",  # created and changed by the node itself (7.4.3)
    "AE": "CRUDN",
    "container": "CRUD",
    "contentInstance": "CRD",  # UPDATE is rejected (7.4.7.2.3)
    "accessControlPolicy": "CRUD",
    "subscription": "CRUD",
    "node": "CRUD",
    "mgmtObj": "CRUD",
    "flexContainer": "CRUD",
    "flexContainerInstance": "RD",  # made by the hosting CSE
    "group": "CRUD",
    "request": "RUD",  # made by the CSE that carries the request out (7.4.12.2.1)
    "timeSeries": "CRUD",
    "timeSeriesInstance": "CRD",  # UPDATE is rejected (7.4.39.2.3)
    **{name: "CRUD" for name in (
        "pollingChannel", "schedule", "locationPolicy", "semanticDescriptor", "crossResourceSubscription", "notificationTargetMgmtPolicyRef",
        "m2mServiceSubscriptionProfile", "serviceSubscribedNode", "serviceSubscribedAppRule",
        "notificationTargetPolicy", "policyDeletionRules", "dynamicAuthorizationConsultation", "primitiveProfile", "processManagement", "state",
        "action", "dependency",
    )},
    "AEContactList": "R",  # kept by the IN-CSE itself (7.4.53.2)
    "AEContactListPerCSE": "R",  # (7.4.54.2)
    "latest": "RD",
    "oldest": "RD",
    "fanOutPoint": "CRUDN",  # for its members
    "semanticFanOutPoint": "R",
    "pollingChannelURI": "RN",  # NOTIFY takes the answer to a polled request (7.4.22.2.5)
    "notificationTargetSelfReference": "D",
}

# Release 4 types are children according to the second source alone. A <schedule> below an <AE> is in the schemas of release 2.
ADDED_CHILDREN = {
    5: [60, 62, 63, 65], 2: [10, 18, 60, 62, 63, 65], 3: [65], 28: [58, 65], 14: [65], 9: [65], 29: [65], 62: [23], 63: [23, 64], 64: [23, 65],
    65: [23, 66], 66: [23],
}

# short name: long name, type, multiplicity, create, update, announcement, since
COMMON = {
    "rn": ("resourceName", "m2m:resourceName", "1", "O", "NP", "NA", None),
    "ty": ("resourceType", "m2m:resourceType", "1", "NP", "NP", "NA", None),
    "ri": ("resourceID", "m2m:ID", "1", "NP", "NP", "NA", None),
    "pi": ("parentID", "m2m:nhURI", "1", "NP", "NP", "NA", None),
    "ct": ("creationTime", "m2m:timestamp", "1", "NP", "NP", "NA", None),
    "lt": ("lastModifiedTime", "m2m:timestamp", "1", "NP", "NP", "NA", None),
    "lbl": ("labels", "m2m:labels", "0..1", "O", "O", "MA", None),
    "acpi": ("accessControlPolicyIDs", "m2m:acpType", "0..1", "O", "O", "MA", None),
    "et": ("expirationTime", "m2m:timestamp", "1", "O", "O", "MA", None),
    "daci": ("dynamicAuthorizationConsultationIDs", "m2m:listOfURIs", "0..1", "O", "O", "OA", "2"),
    "at": ("announceTo", "m2m:listOfURIs", "0..1", "O", "O", "NA", None),
    "aa": ("announcedAttribute", "m2m:attributeList", "0..1", "O", "O", "NA", None),
    "ast": ("announceSyncType", "m2m:announceSyncType", "0..1", "O", "O", "MA", "4"),
    "st": ("stateTag", "xs:nonNegativeInteger", "1", "NP", "NP", "NA", None),
    "cr": ("creator", "m2m:ID", "0..1", "null", "NP", "NA", None),
    "cstn": ("custodian", "m2m:ID", "0..1", "O", "O", "NA", "4"),
    "loc": ("location", "m2m:geoCoordinates", "0..1", "O", "O", "OA", "4"),
}

# short name: long name, type, multiplicity, create, update, since
COMMON_ANNOUNCED = {
    "rn": ("resourceName", "m2m:resourceName", "1", "O", "NP", None),
    "ty": ("resourceType", "m2m:resourceType", "1", "NP", "NP", None),
    "ri": ("resourceID", "m2m:ID", "1", "NP", "NP", None),
    "pi": ("parentID", "m2m:nhURI", "1", "NP", "NP", None),
    "ct": ("creationTime", "m2m:timestamp", "1", "NP", "NP", None),
    "lt": ("lastModifiedTime", "m2m:timestamp", "1", "NP", "NP", None),
    "lbl": ("labels", "m2m:labels", "0..1", "O", "O", None),
    "acpi": ("accessControlPolicyIDs", "m2m:acpType", "0..1", "O", "O", None),
    # Mandatory in TS-0004, but an original without an expiration has none to give.
    "et": ("expirationTime", "m2m:timestamp", "1", "O", "O", None),
    "lnk": ("link", "xs:anyURI", "1", "M", "O", None),
    "daci": ("dynamicAuthorizationConsultationIDs", "m2m:listOfURIs", "0..1", "O", "O", "2"),
    "ast": ("announceSyncType", "m2m:announceSyncType", "0..1", "O", "O", "4"),
}

# Rows of the second source that are internals of it, or slips.
DROPPED = {
    "subi": None,  # internal of the second source
    "tkhd": None,  # `holder` of CSEBase: TS-0001 alone, the short name belongs to tokens
    "ncp": None,  # notificationCongestionPolicy of CSEBase: TS-0001 alone, without a type
    "[objectAttribute]": None,
    "[customAttribute]": None,
}

# Per type or specialisation: what differs from the row of attributes.csv, and why.
ATTRIBUTES = {
    "CSEBase": {
        # RO or set by configuration: originators can neither create nor update a CSEBase.
        "lbl": {"create": "NP", "update": "NP"},
        "loc": {"create": "NP", "update": "NP", "announce": "NA"},
        "cstn": {"create": "NP", "update": "NP"},
        "spi": {"create": "NP", "update": "NP", "multiplicity": "0..1"},
        "ici": {"create": "NP", "update": "NP"},
        "ctm": {"type": "m2m:timestamp", "create": "NP", "update": "NP", "multiplicity": "0..1", "since": "3"},
        "cst": {"type": "m2m:cseTypeID"},
    },
    "AE": {
        # TS-0001 has it since 2a; a release 1 registration cannot know it.
        "srv": {"since": "2a"},
        "tri": {"since": "3"},
        "trn": {"since": "3"},
    },
    "accessControlPolicy": {
        # At least one rule: without one nobody could ever change the policy again (TS-0004 7.4.2.1).
        "pvs": {"type": "m2m:setOfSelfAcrs"},
        # No acpi: selfPrivileges take its place.
    },
    "contentInstance": {
        # There is no UPDATE of a contentInstance; the second source allows some attributes.
        **{short: {"update": "NP"} for short in ("ast", "loc", "dcnt", "dgt")},
        # TS-0001 R4: contentInstances are removed from the announced container after this many deletions; set by the CSE.
        "dcnt": {"update": "NP", "type": "xs:positiveInteger"},
    },
    "subscription": {
        # A single URI in the XSD of release 2 and in the second source, "0..1(L)" in TS-0004 3.32.
        "nfu": {"multiplicity": "0..1"},
        "ma": {"announce": "NA"},  # subscriptions are not announced
        # The list of statistics is written by the CSE.
        "nsi": {"type": "m2m:setOfNotificationStatsInfo", "multiplicity": "0..1(L)"},
    },
    "mgmtObj": {
        # The second source lists them per specialisation.
        "+common": ["ast", "cstn"],
    },
    "node": {
        "nty": {"type": "m2m:nodeType"},
    },
    "flexContainer": {
        # Present only while instances are kept (fcied), although the second source says 1.
        "cni": {"multiplicity": "0..1"},
        "cbs": {"multiplicity": "0..1"},
    },
    "flexContainerInstance": {
        # Copies made by the CSE: no request creates or updates one.
        "rn": {"create": "NP", "update": "NP"},
        "et": {"create": "NP", "update": "NP"},
        "lbl": {"create": "NP", "update": "NP"},
        "loc": {"create": "NP", "update": "NP"},
        "cs": {"since": ""},
        "org": {"since": ""},
    },
    "group": {
        # It "may contain no members" (TS-0004 7.4.13.1).
        "mid": {"empty": True},
    },
    "timeSeries": {"peid": {"since": "3"}},
    # A complex type with a list inside, not a list.
    "schedule": {"se": {"multiplicity": "1"}},
    "policyDeletionRules": {"dr": {"multiplicity": "0..1"}},
    "notificationTargetPolicy": {
        # Optional in TS-0004 although they have to be there and have no default (7.4.31.1).
        "acn": {"create": "M"}, "plbl": {"create": "M"},
    },
    "crossResourceSubscription": {
        "encs": {"multiplicity": "0..1"},
        "eem": {"type": "m2m:eventEvaluationMode"},
        "nsi": {"type": "m2m:setOfNotificationStatsInfo"},
    },
    "primitiveProfile": {
        "rtys": {"type": "m2m:resourceType"}, "ops": {"type": "m2m:operation"}, "rvs": {"type": "m2m:releaseVersion"},
        # Strings in the second source, which also has an enumeration for it.
        "appl": {"type": "xs:anySimpleType"},
    },
    "processManagement": {
        "prst": {"type": "m2m:processStatus"}, "prct": {"type": "m2m:processControl"},
        # Multiplicity 1 in the second source, but there is none before there are states, which are created later.
        "cust": {"multiplicity": "0..1"}, "inst": {"multiplicity": "0..1"},
        "atcos": {"type": "m2m:processConditions"}, "encos": {"type": "m2m:processConditions"},
    },
    "state": {"sttrs": {"name": "stateTransitions", "type": "m2m:stateTransition"}},
    "action": {
        "evm": {"type": "m2m:evalMode"},
        # There is none before the action has been carried out; written by the CSE alone.
        "air": {"type": "xs:anyType", "multiplicity": "0..1"},
    },
    "timeSeriesInstance": {
        # There is no UPDATE; the second source allows some attributes.
        **{short: {"update": "NP"} for short in ("ast", "loc")},
    },
    "firmware": {"fwn": {"multiplicity": "1"}, "nm": None},  # nm: the same attribute under TS-0001's name
    "software": {"swn": {"multiplicity": "1"}, "nm": None},
    "areaNwkDeviceInfo": {"sus": None},  # `ss` under TS-0001's name
    "cmdhLimits": {"lda": {"type": "m2m:limitsDelAggregation"}},
    "cmdhNwAccessRule": {"cmlk": {"multiplicity": "1(L)"}},  # mgmtLink is a list in every other type
    "myCertFileCred": {"suids": {"type": "m2m:suid", "multiplicity": "1(L)"}},
    "mobileNetwork": {"cnb": {"type": "dcfg:cellularNetworkBearer"}, "coel": {"type": "dcfg:coverageEnhancementLevel"}, "apna": {"multiplicity": "0..1"}},
    "SIM": {"sist": {"type": "dcfg:simStatus"}, "sity": {"type": "dcfg:simType"}},
    "wifiClient": {"cons": {"type": "dcfg:wifiConnectionStatus"}},
    # Lists of data links, plain strings in the second source.
    "m2m:gis": {"giip": {"type": "m2m:listOfDataLinks"}, "giop": {"type": "m2m:listOfDataLinks"}, "gisn": {"multiplicity": "1"}},
    "m2m:gio": {short: {"type": "m2m:listOfDataLinks"} for short in ("giip", "giop", "giil", "giol")},
    "m2m:ajap": {"dir": {"type": "m2m:allJoynDirection"}},
    # Optional on CREATE although they have to be there later (TS-0004 J.10, J.11).
    "m2m:ajmc": {"+name": "allJoynMethodCall"},
}

# Names in mgmtobj_specializations.csv that attributes.csv spells differently.
SPECIALISATION_NAMES = {
    "dataCollection": "DataCollection", "wifiClient": "WiFi Client", "credentials": "Credentials",
    "mobileNetwork": "Mobile Network",
}

# Types of the second source in the specification's words.
SECOND_SOURCE_TYPES = {
    "ID": "m2m:ID", "CSEID": "m2m:ID", "SPID": "m2m:ID", "IDCSR": "m2m:ID", "absRelTimestamp": "m2m:absRelTimestamp",
    "anyURI": "xs:anyURI", "boolean": "xs:boolean", "duration": "xs:duration", "list:anyURI": "list of xs:anyURI",
    "list:ID": "list of m2m:ID", "list:m2m:mgmtLinkRef": "list of m2m:mgmtLinkRef", "list:ncname": "list of xs:NCName",
    "list:string": "list of xs:string", "list:m2m:attribute": "list of m2m:attribute", "m2m:evalCriteria": "m2m:evalCriteria",
    "m2m:actionInput": "m2m:actionInput", "m2m:requestPrimitive": "m2m:requestPrimitive", "list:token": "m2m:labels", "m2m:geoCoordinates": "m2m:geoCoordinates",
    "nonNegInteger": "xs:nonNegativeInteger", "positiveInteger": "xs:positiveInteger", "timestamp": "m2m:timestamp",
    "string": "xs:string", "integer": "xs:integer", "list:m2m:ipAddress": "list of m2m:ipAddress",
    "list:m2m:scheduleEntries": "list of m2m:scheduleEntries", "imsi": "m2m:imsi", "iccid": "m2m:iccid",
}

SDT_TYPES = {
    "anyuri": "xs:anyURI", "boolean": "xs:boolean", "date": "xs:date", "dateTime": "xs:dateTime", "time": "xs:time",
    "float": "xs:float", "integer": "xs:integer", "list": "xs:anyType", "nonNegInteger": "xs:nonNegativeInteger",
    "string": "xs:string", "timestamp": "m2m:timestamp",
}

# Simple types in terms of what `cse/protocol/src/schema/data_type.rs` can check.
SIMPLE = {
    "xs:anyType": '"any"',
    "xs:anySimpleType": '"scalar"',
    "xs:string": '"string"',
    "xs:token": '"token"',
    "xs:boolean": '"boolean"',
    "xs:float": '"number"',
    "xs:double": '"number"',
    "xs:integer": '{ from = -9223372036854775808, to = 9223372036854775807 }',
    "xs:long": '{ from = -9223372036854775808, to = 9223372036854775807 }',
    "xs:nonNegativeInteger": '{ from = 0, to = 9223372036854775807 }',
    "xs:positiveInteger": '{ from = 1, to = 9223372036854775807 }',
    "xs:unsignedLong": '{ from = 0 }',
    "xs:unsignedInt": '{ from = 0, to = 4294967295 }',
    "m2m:triggerRecipientID": '{ from = 0, to = 65535 }',
    "xs:unsignedShort": '{ from = 0, to = 65535 }',
    "xs:duration": '"duration"',
    "xs:anyURI": '"identifier"',
    "xs:NCName": '"NCName"',
    "xs:base64Binary": '"base64"',
    "xs:date": '"date"',
    "xs:time": '"time"',
    "xs:dateTime": '"dateTime"',
    "m2m:ID": '"identifier"',
    "m2m:nhURI": '"identifier"',
    "m2m:nodeID": '"identifier"',
    "m2m:deviceID": '"identifier"',
    "m2m:externalID": '"identifier"',
    "m2m:requestID": '"identifier"',
    "m2m:roleID": '"identifier"',
    "m2m:tokenID": '"identifier"',
    "m2m:locationTargetID": '"identifier"',
    "m2m:TMGI": '"identifier"',
    "m2m:pointOfAccess": '"identifier"',
    "m2m:dynAuthJWT": '"identifier"',
    "m2m:e2eCompactJWE": '"identifier"',
    "m2m:signature": '"identifier"',
    "m2m:imsi": '"digits"',
    "m2m:iccid": '"digits"',
    "m2m:resourceName": '"resourceName"',
    "m2m:label": '"label"',
    "m2m:timestamp": '"timestamp"',
    "m2m:absRelTimestamp": '"absRelTimestamp"',
    "m2m:contentInfo": '"contentInfo"',
    "m2m:typeOfContent": '"token"',
    "m2m:protocol": '"token"',
    "m2m:sessionCapability": '"token"',
    "m2m:sessionDescription": '"string"',
    "m2m:sparql": '"string"',
    "m2m:scheduleEntry": '"scheduleEntry"',
    "m2m:ipv4": '"ipv4"',
    "m2m:ipv6": '"ipv6"',
    "m2m:countryCode": '"countryCode"',
    "m2m:coordinates": '"coordinates"',
    # Media types besides the short words: clients that know release 2 write them so (XSD 2.7).
    "m2m:serialization": '["xml", "json", "cbor", "application/xml", "application/json", "application/cbor"]',
    "m2m:releaseVersion": '["1", "2", "2a", "3", "4", "5"]',
    # Sum of the bits of m2m:accessControlOperations; 0 grants nothing and is kept apart from "not there".
    "m2m:accessControlOperations": '{ from = 0, to = 63 }',
    # Numbers that a table of this directory may add at any time.
    "m2m:resourceType": '{ from = 0, to = 4294967295 }',
    "m2m:mgmtDefinition": '{ from = 0, to = 4294967295 }',
    # A containerDefinition or a mgmtDefinition.
    "m2m:specializationType": '"scalar"',
    # Release 4, without an enumeration in the data.
    "m2m:nodeType": '{ from = 0, to = 4294967295 }',
    "m2m:longMin-1": '{ from = -1, to = 9223372036854775807 }',
    # Written by the CSE alone, so never checked.
    "m2m:primitiveContent": '"any"',
    "m2m:missingDataEntry": '"scalar"',
    "m2m:setOfNotificationStatsInfo": '"any"',
    # Members unknown: TS-0022 is not among the texts at hand.
    "dcfg:wifiCredentials": '"any"',
}

LISTS = {
    "m2m:acpType": "m2m:ID", "m2m:labels": "m2m:label", "m2m:listOfM2MID": "m2m:ID", "m2m:listOfURIs": "xs:anyURI",
    "m2m:attributeList": "xs:NCName", "m2m:resourceTypeList": "m2m:resourceType", "m2m:poaList": "m2m:pointOfAccess",
    "m2m:serializations": "m2m:serialization", "m2m:supportedReleaseVersions": "m2m:releaseVersion",
    "m2m:listOfEventCat": "m2m:eventCat", "m2m:listOfEventCatWithDef": "m2m:eventCatWithDef",
    "m2m:listOfDuration": "xs:duration", "m2m:protocolList": "m2m:protocol", "m2m:listOfMinMax": '{ of = "m2m:longMin-1", min = 2, max = 2 }',
    "m2m:circRegion": '{ of = "xs:float", min = 3, max = 3 }',
    "m2m:sessionCapabilities": "m2m:sessionCapability", "m2m:signatureList": "m2m:signature",
    "m2m:missingDataList": "m2m:missingDataEntry", "m2m:limitsDelAggregation": '{ of = "xs:boolean", min = 1, max = 2 }',
    # An attribute with this type is a list of patterns: the element carries the attribute's own name.
    "m2m:activityPatternElements": "m2m:activityPattern",
}

NUMBERS_REPLACED = {
    # 9 and 10 are marked as experimental.
    "m2m:notificationEventType": "1, 2, 3, 4, 5, 6, 7, 8",
    # Parts of the sum are in the data.
    "m2m:eventCat": "2, 3, 4, 100..999",
}
# Multiplicities of members that differ from complex_types.csv.
MEMBER_MULTIPLICITY = {
    # 0..5 there is a relic of the five events of release 1; there are eight by now.
    ("m2m:eventNotificationCriteria", "notificationEventType"): "0..8",
}
# A slip in TS-0004: the type is called softwareUpdateArgsType where it is defined.
MEMBER_TYPE = {"m2m:softwareUpdateType": "m2m:softwareUpdateArgsType"}
NUMBERS_ADDED = {
    "m2m:eventCatWithDef": "0, 2, 3, 4, 100..999",
    # With the types of release 4.
    "m2m:memberType": "0..44, 46..51, 58, 60, 62..66, 10001..10004, 10009, 10010, 10013, 10014, 10016, 10018, 10024, 10028..10030, 10033, "
    "10038..10042, 10046, 10060, 10062..10066, 20001..20003",
    # Release 4: UNI-DIRECTIONAL, BI-DIRECTIONAL
    "m2m:announceSyncType": "1, 2",
}

# Short names that complex_types.csv leaves out; they are in TS-0004 8.2.5.
MEMBER_SHORT = {
    ("m2m:accessControlRule.accessControlContexts", "accessControlWindow"): "actw",
    ("m2m:mgmtLinkRef", "value"): "val",
    ("m2m:e2eSecInfo", "supportedE2ESecFeatures"): "esf",
    ("m2m:accessControlRule", "accessControlContexts"): "acco",
    ("m2m:accessControlRule", "accessControlObjectDetails"): "acod",
}

# Where members stand in XML that have no element of their names (`xml` of a member).
MEMBER_PLACE = {("m2m:mgmtLinkRef", "val"): "text", ("m2m:mgmtLinkRef", "nm"): "attribute", ("m2m:mgmtLinkRef", "typ"): "attribute"}

# Attributes that stand somewhere else in the schemas of XML than in the data: behind which.
MOVED = {("m2m:gio", "gios"): "gion"}

# Complex types that only primitives use, or that are resource types.
COMPLEX_SKIPPED = {
    "m2m:aggregatedRequest", "m2m:metaInformation", "m2m:notification", "m2m:aggregatedNotification", "m2m:operationResult",
    "m2m:aggregatedResponse", "m2m:resourceWrapper", "m2m:childResourceRef", "m2m:mgmtResource", "m2m:announcedMgmtResource",
    "m2m:flexContainerResource", "m2m:announcedFlexContainerResource", "m2m:dynAuthDasResponse", "m2m:dynAuthRelMapResponse",
    "m2m:securityInfo", "m2m:responsePrimitive", "m2m:listOfChildResourceRef",
    "m2m:dynAuthRelMapRequest", "m2m:activityPatternElements",
}

# Complex types that the data lacks or describes in a form that JSON does not have: short name -> name, type, multiplicity.
COMPLEX = {
    # As m2m:setOfAcrs with at least one rule.
    "m2m:setOfSelfAcrs": {"acr": ("accessControlRule", "m2m:accessControlRule", "1..n")},
    "m2m:geoCoordinates": {"typ": ("geometryType", "m2m:geometryType", "1"), "crd": ("coordinates", "m2m:coordinates", "1")},
    # The spelling in the attribute table; complex_types.csv has m2m:deliveryMetadata.
    "m2m:deliveryMetaData": {"tcop": ("tracingOption", "xs:boolean", "1"), "tcin": ("tracingInfo", "m2m:listOfM2MID", "0..1")},
    # The element is an eventNotificationCriteriaEntry (`encn`) in release 3 and an eventNotificationCriteria since; one of them has to be there.
    "m2m:eventNotificationCriteriaSet": {
        "encn": ("eventNotificationCriteriaEntry", "m2m:eventNotificationCriteria", "0..n"),
        "enc": ("eventNotificationCriteria", "m2m:eventNotificationCriteria", "0..n"),
    },
    # Release 4.
    "m2m:evalCriteria": {
        "optr": ("operator", "m2m:evalCriteriaOperator", "1"), "sbjt": ("subject", "xs:NCName", "1"), "thld": ("threshold", "xs:anyType", "1"),
    },
    "m2m:processConditions": {"sri": ("subjectResourceID", "m2m:ID", "1"), "evc": ("evalCriteria", "m2m:evalCriteria", "1")},
    # The second source uses a subject, though its list of members has none.
    "m2m:stateTransition": {
        "sri": ("subjectResourceID", "m2m:ID", "0..1"), "evc": ("evalCriteria", "m2m:evalCriteria", "1"), "nxst": ("nextState", "m2m:ID", "1"),
    },
    "m2m:actionInput": {
        "cstr": ("contentString", "xs:NCName", "0..1"), "rsid": ("resourceID", "m2m:ID", "0..1"), "raid": ("resourceAttributeID", "m2m:ID", "0..1"),
    },
    # The parameters of TS-0004 6.4.1. `rvi` may be left out, as in requests of release 1.
    "m2m:requestPrimitive": {
        "op": ("operation", "m2m:operation", "1"), "to": ("to", "xs:anyURI", "1"), "fr": ("from", "m2m:ID", "0..1"),
        "rqi": ("requestIdentifier", "m2m:requestID", "1"), "ty": ("resourceType", "m2m:resourceType", "0..1"),
        "pc": ("primitiveContent", "m2m:primitiveContent", "0..1"), "rids": ("roleIDs", "m2m:roleID", "0..1(L)"),
        "ot": ("originatingTimestamp", "m2m:timestamp", "0..1"), "rqet": ("requestExpirationTimestamp", "m2m:absRelTimestamp", "0..1"),
        "rset": ("resultExpirationTimestamp", "m2m:absRelTimestamp", "0..1"), "oet": ("operationExecutionTime", "m2m:absRelTimestamp", "0..1"),
        "rt": ("responseType", "m2m:responseTypeInfo", "0..1"), "rp": ("resultPersistence", "m2m:absRelTimestamp", "0..1"),
        "rcn": ("resultContent", "m2m:resultContent", "0..1"), "ec": ("eventCategory", "m2m:eventCat", "0..1"),
        "da": ("deliveryAggregation", "xs:boolean", "0..1"), "gid": ("groupRequestIdentifier", "xs:string", "0..1"),
        "fc": ("filterCriteria", "m2m:filterCriteria", "0..1"), "drt": ("desiredIdentifierResultType", "m2m:desIdResType", "0..1"),
        "tkns": ("tokens", "m2m:dynAuthJWT", "0..1(L)"), "tids": ("tokenIDs", "m2m:tokenID", "0..1(L)"),
        "ltids": ("localTokenIDs", "xs:NCName", "0..1(L)"), "tqi": ("tokenRequestIndicator", "xs:boolean", "0..1"),
        "grtm": ("groupRequestTargetMembers", "xs:anyURI", "0..1(L)"), "asi": ("authorizationSignatureIndicator", "xs:boolean", "0..1"),
        "aus": ("authorizationSignatures", "m2m:signatureList", "0..1"), "auri": ("authorizationRelationshipIndicator", "xs:boolean", "0..1"),
        "sqi": ("semanticQueryIndicator", "xs:boolean", "0..1"), "rvi": ("releaseVersionIndicator", "m2m:releaseVersion", "0..1"),
        "vsi": ("vendorInformation", "xs:string", "0..1"),
        # Release 4.
        "prpi": ("primitiveProfileIdentifier", "m2m:ID", "0..1"),
    },
    # Its list of arguments is named by the type in TS-0004, by `anyArg` as everywhere else in the XSD.
    "m2m:softwareUninstallArgsType": {
        "uuid": ("UUID", "xs:string", "1"), "vr": ("version", "xs:string", "1"),
        "eer": ("executionEnvRef", "xs:string", "1"), "any": ("anyArg", "m2m:anyArgType", "0..n"),
    },
    # The element of the XSD has no plural, unlike the table in TS-0004.
    "m2m:setOfAcrs": {"acr": ("accessControlRule", "m2m:accessControlRule", "0..n")},
}
