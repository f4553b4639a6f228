//! Response status codes (TS-0004 6.6.3): the one table of their numbers and names.
//!
//! Each binding maps [`StatusCode`] to its own codes with an exhaustive `match`, so a code that is added here
//! cannot be forgotten there. How a code comes about is left to [`crate::Failure`] and the procedures.

macro_rules! status_codes {
    ($($variant:ident = $number:literal, $name:literal;)*) => {
        /// A response status code of TS-0004 6.6.3. Numbers that this table does not know are preserved, so that
        /// a response from another node passes through unchanged.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum StatusCode {
            $(#[doc = $name] $variant,)*
            /// A number outside the table.
            Unknown(u16),
        }

        impl StatusCode {
            /// Every code of the table, in the order of the numbers.
            pub const ALL: &[StatusCode] = &[$(StatusCode::$variant,)*];

            /// The number that travels, `2000` for OK.
            pub const fn number(self) -> u16 {
                match self {
                    $(StatusCode::$variant => $number,)*
                    StatusCode::Unknown(number) => number,
                }
            }

            /// The name in the specification, `OK`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(StatusCode::$variant => $name,)*
                    StatusCode::Unknown(_) => "UNKNOWN",
                }
            }

            /// The code of a number; one that the table does not know becomes [`StatusCode::Unknown`].
            pub const fn from_number(number: u16) -> StatusCode {
                match number {
                    $($number => StatusCode::$variant,)*
                    number => StatusCode::Unknown(number),
                }
            }
        }
    };
}

status_codes! {
    Accepted = 1000, "ACCEPTED";
    AcceptedNonBlockingSynch = 1001, "ACCEPTED_FOR_NONBLOCKINGREQUESTSYNCH";
    AcceptedNonBlockingAsynch = 1002, "ACCEPTED_FOR_NONBLOCKINGREQUESTASYNCH";
    Ok = 2000, "OK";
    Created = 2001, "CREATED";
    Deleted = 2002, "DELETED";
    Updated = 2004, "UPDATED";
    BadRequest = 4000, "BAD_REQUEST";
    ReleaseVersionNotSupported = 4001, "RELEASE_VERSION_NOT_SUPPORTED";
    NotFound = 4004, "NOT_FOUND";
    OperationNotAllowed = 4005, "OPERATION_NOT_ALLOWED";
    RequestTimeout = 4008, "REQUEST_TIMEOUT";
    UnsupportedMediaType = 4015, "UNSUPPORTED_MEDIA_TYPE";
    SubscriptionCreatorHasNoPrivilege = 4101, "SUBSCRIPTION_CREATOR_HAS_NO_PRIVILEGE";
    ContentsUnacceptable = 4102, "CONTENTS_UNACCEPTABLE";
    OriginatorHasNoPrivilege = 4103, "ORIGINATOR_HAS_NO_PRIVILEGE";
    GroupRequestIdentifierExists = 4104, "GROUP_REQUEST_IDENTIFIER_EXISTS";
    Conflict = 4105, "CONFLICT";
    OriginatorNotAuthenticated = 4106, "ORIGINATOR_NOT_AUTHENTICATED";
    SecurityAssociationRequired = 4107, "SECURITY_ASSOCIATION_REQUIRED";
    InvalidChildResourceType = 4108, "INVALID_CHILD_RESOURCE_TYPE";
    NoMembers = 4109, "NO_MEMBERS";
    GroupMemberTypeInconsistent = 4110, "GROUP_MEMBER_TYPE_INCONSISTENT";
    EsprimUnsupportedOption = 4111, "ESPRIM_UNSUPPORTED_OPTION";
    EsprimUnknownKeyId = 4112, "ESPRIM_UNKNOWN_KEY_ID";
    EsprimUnknownOrigRandId = 4113, "ESPRIM_UNKNOWN_ORIG_RAND_ID";
    EsprimUnknownRecvRandId = 4114, "ESPRIM_UNKNOWN_RECV_RAND_ID";
    EsprimBadMac = 4115, "ESPRIM_BAD_MAC";
    EsprimImpersonationError = 4116, "ESPRIM_IMPERSONATION_ERROR";
    OriginatorHasAlreadyRegistered = 4117, "ORIGINATOR_HAS_ALREADY_REGISTERED";
    OntologyNotAvailable = 4118, "ONTOLOGY_NOT_AVAILABLE";
    LinkedSemanticsNotAvailable = 4119, "LINKED_SEMANTICS_NOT_AVAILABLE";
    InvalidSemantics = 4120, "INVALID_SEMANTICS";
    MashupMemberNotFound = 4121, "MASHUP_MEMBER_NOT_FOUND";
    InvalidTriggerPurpose = 4122, "INVALID_TRIGGER_PURPOSE";
    IllegalTransactionStateTransition = 4123, "ILLEGAL_TRANSACTION_STATE_TRANSITION_ATTEMPTED";
    BlockingSubscriptionAlreadyExists = 4124, "BLOCKING_SUBSCRIPTION_ALREADY_EXISTS";
    SpecializationSchemaNotFound = 4125, "SPECIALIZATION_SCHEMA_NOT_FOUND";
    AppRuleValidationFailed = 4126, "APP_RULE_VALIDATION_FAILED";
    OperationDeniedByRemoteEntity = 4127, "OPERATION_DENIED_BY_REMOTE_ENTITY";
    ServiceSubscriptionNotEstablished = 4128, "SERVICE_SUBSCRIPTION_NOT_ESTABLISHED";
    PrimitiveProfileNotAccessible = 4138, "PRIMITIVE_PROFILE_NOT_ACCESSIBLE";
    PrimitiveProfileBadRequest = 4139, "PRIMITIVE_PROFILE_BAD_REQUEST";
    InvalidProcessConfiguration = 4142, "INVALID_PROCESS_CONFIGURATION";
    InvalidSparqlQuery = 4143, "INVALID_SPARQL_QUERY";
    InternalServerError = 5000, "INTERNAL_SERVER_ERROR";
    NotImplemented = 5001, "NOT_IMPLEMENTED";
    TargetNotReachable = 5103, "TARGET_NOT_REACHABLE";
    ReceiverHasNoPrivilege = 5105, "RECEIVER_HAS_NO_PRIVILEGE";
    AlreadyExists = 5106, "ALREADY_EXISTS";
    RemoteEntityNotReachable = 5107, "REMOTE_ENTITY_NOT_REACHABLE";
    TargetNotSubscribable = 5203, "TARGET_NOT_SUBSCRIBABLE";
    SubscriptionVerificationInitiationFailed = 5204, "SUBSCRIPTION_VERIFICATION_INITIATION_FAILED";
    SubscriptionHostHasNoPrivilege = 5205, "SUBSCRIPTION_HOST_HAS_NO_PRIVILEGE";
    NonBlockingSynchRequestNotSupported = 5206, "NON_BLOCKING_SYNCH_REQUEST_NOT_SUPPORTED";
    NotAcceptable = 5207, "NOT_ACCEPTABLE";
    DiscoveryDeniedByIpe = 5208, "DISCOVERY_DENIED_BY_IPE";
    GroupMembersNotResponded = 5209, "GROUP_MEMBERS_NOT_RESPONDED";
    EsprimDecryptionError = 5210, "ESPRIM_DECRYPTION_ERROR";
    EsprimEncryptionError = 5211, "ESPRIM_ENCRYPTION_ERROR";
    SparqlUpdateError = 5212, "SPARQL_UPDATE_ERROR";
    TargetHasNoSessionCapability = 5214, "TARGET_HAS_NO_SESSION_CAPABILITY";
    SessionIsOnline = 5215, "SESSION_IS_ONLINE";
    JoinMulticastGroupFailed = 5216, "JOIN_MULTICAST_GROUP_FAILED";
    LeaveMulticastGroupFailed = 5217, "LEAVE_MULTICAST_GROUP_FAILED";
    TriggeringDisabledForRecipient = 5218, "TRIGGERING_DISABLED_FOR_RECIPIENT";
    UnableToReplaceRequest = 5219, "UNABLE_TO_REPLACE_REQUEST";
    UnableToRecallRequest = 5220, "UNABLE_TO_RECALL_REQUEST";
    CrossResourceOperationFailure = 5221, "CROSS_RESOURCE_OPERATION_FAILURE";
    TransactionProcessingIsIncomplete = 5222, "TRANSACTION_PROCESSING_IS_INCOMPLETE";
    ExternalObjectNotReachable = 6003, "EXTERNAL_OBJECT_NOT_REACHABLE";
    ExternalObjectNotFound = 6005, "EXTERNAL_OBJECT_NOT_FOUND";
    MaxNumberOfMemberExceeded = 6010, "MAX_NUMBER_OF_MEMBER_EXCEEDED";
    MgmtSessionCannotBeEstablished = 6020, "MGMT_SESSION_CANNOT_BE_ESTABLISHED";
    MgmtSessionEstablishmentTimeout = 6021, "MGMT_SESSION_ESTABLISHMENT_TIMEOUT";
    InvalidCmdtype = 6022, "INVALID_CMDTYPE";
    InvalidArguments = 6023, "INVALID_ARGUMENTS";
    InsufficientArguments = 6024, "INSUFFICIENT_ARGUMENTS";
    MgmtConversionError = 6025, "MGMT_CONVERSION_ERROR";
    MgmtCancellationFailed = 6026, "MGMT_CANCELLATION_FAILED";
    AlreadyComplete = 6028, "ALREADY_COMPLETE";
    MgmtCommandNotCancellable = 6029, "MGMT_COMMAND_NOT_CANCELLABLE";
    ExternalObjectNotReachableBeforeRqet = 6030, "EXTERNAL_OBJECT_NOT_REACHABLE_BEFORE_RQET_TIMEOUT";
    ExternalObjectNotReachableBeforeOet = 6031, "EXTERNAL_OBJECT_NOT_REACHABLE_BEFORE_OET_TIMEOUT";
}

impl StatusCode {
    /// Whether the code is of the successful class (2xxx) or an acknowledgement (1xxx).
    pub const fn is_success(self) -> bool {
        self.number() < 4000
    }
}

#[cfg(test)]
mod tests {
    use super::StatusCode;

    #[test]
    fn numbers_and_codes_are_one_to_one() {
        for code in StatusCode::ALL {
            assert_eq!(StatusCode::from_number(code.number()), *code);
        }
        assert!(StatusCode::ALL.windows(2).all(|pair| pair[0].number() < pair[1].number()));
        assert_eq!(StatusCode::from_number(2999), StatusCode::Unknown(2999));
    }
}
