//! Response status codes and HTTP status codes (TS-0009 6.3.2, Table 6.3.2-1).

use dyad_protocol::{Operation, StatusCode};

/// The HTTP status of a response status code. One outside the table goes by its class.
pub const fn to_http(code: StatusCode) -> u16 {
    use StatusCode as C;
    match code {
        C::Ok | C::Deleted | C::Updated => 200,
        C::Created => 201,
        C::Accepted | C::AcceptedNonBlockingSynch | C::AcceptedNonBlockingAsynch => 202,
        C::BadRequest | C::ContentsUnacceptable | C::GroupMemberTypeInconsistent | C::InvalidSemantics => 400,
        C::InvalidTriggerPurpose | C::IllegalTransactionStateTransition | C::InvalidSparqlQuery => 400,
        C::InvalidProcessConfiguration | C::MaxNumberOfMemberExceeded | C::InvalidCmdtype => 400,
        C::InvalidArguments | C::InsufficientArguments | C::PrimitiveProfileBadRequest => 400,
        C::SubscriptionCreatorHasNoPrivilege | C::OriginatorHasNoPrivilege | C::ReceiverHasNoPrivilege => 403,
        C::TargetNotSubscribable | C::SubscriptionHostHasNoPrivilege | C::OriginatorNotAuthenticated => 403,
        C::SecurityAssociationRequired | C::InvalidChildResourceType | C::NoMembers => 403,
        C::EsprimUnsupportedOption | C::EsprimUnknownKeyId | C::EsprimUnknownOrigRandId => 403,
        C::EsprimUnknownRecvRandId | C::EsprimBadMac | C::EsprimImpersonationError => 403,
        C::OriginatorHasAlreadyRegistered | C::AppRuleValidationFailed | C::OperationDeniedByRemoteEntity => {
            403
        }
        C::ServiceSubscriptionNotEstablished | C::DiscoveryDeniedByIpe | C::TargetHasNoSessionCapability => {
            403
        }
        C::PrimitiveProfileNotAccessible => 403,
        C::SessionIsOnline | C::TriggeringDisabledForRecipient | C::TransactionProcessingIsIncomplete => 403,
        C::NotFound | C::OntologyNotAvailable | C::LinkedSemanticsNotAvailable | C::MashupMemberNotFound => {
            404
        }
        C::TargetNotReachable | C::RemoteEntityNotReachable | C::ExternalObjectNotReachable => 404,
        C::ExternalObjectNotFound => 404,
        C::OperationNotAllowed => 405,
        C::NotAcceptable => 406,
        C::GroupRequestIdentifierExists | C::Conflict | C::BlockingSubscriptionAlreadyExists => 409,
        C::AlreadyExists | C::UnableToReplaceRequest | C::UnableToRecallRequest | C::AlreadyComplete => 409,
        C::MgmtCommandNotCancellable => 409,
        C::UnsupportedMediaType => 415,
        C::InternalServerError
        | C::SubscriptionVerificationInitiationFailed
        | C::GroupMembersNotResponded => 500,
        C::EsprimDecryptionError | C::EsprimEncryptionError | C::SparqlUpdateError => 500,
        C::JoinMulticastGroupFailed | C::LeaveMulticastGroupFailed | C::CrossResourceOperationFailure => 500,
        C::MgmtSessionCannotBeEstablished | C::MgmtSessionEstablishmentTimeout | C::MgmtConversionError => {
            500
        }
        C::MgmtCancellationFailed => 500,
        C::ReleaseVersionNotSupported | C::SpecializationSchemaNotFound | C::NotImplemented => 501,
        C::NonBlockingSynchRequestNotSupported => 501,
        C::RequestTimeout
        | C::ExternalObjectNotReachableBeforeRqet
        | C::ExternalObjectNotReachableBeforeOet => 504,
        C::Unknown(number) => match number / 1000 {
            1 => 202,
            2 => 200,
            4 => 400,
            _ => 500,
        },
    }
}

/// The response status code of an answer that carries no X-M2M-RSC, as plain web servers send. `None` for
/// statuses that are no answer to a primitive (1xx, 3xx).
pub const fn from_http(status: u16, operation: Operation) -> Option<StatusCode> {
    Some(match (status, operation) {
        (201, _) => StatusCode::Created,
        (202, _) => StatusCode::Accepted,
        (200..=299, Operation::Delete) => StatusCode::Deleted,
        (200..=299, Operation::Update) => StatusCode::Updated,
        (200..=299, _) => StatusCode::Ok,
        (401 | 403, _) => StatusCode::OriginatorHasNoPrivilege,
        (404 | 410, _) => StatusCode::NotFound,
        (405, _) => StatusCode::OperationNotAllowed,
        (406, _) => StatusCode::NotAcceptable,
        (408 | 504, _) => StatusCode::RequestTimeout,
        (409, _) => StatusCode::Conflict,
        (415, _) => StatusCode::UnsupportedMediaType,
        (400..=499, _) => StatusCode::BadRequest,
        (501, _) => StatusCode::NotImplemented,
        (502 | 503, _) => StatusCode::TargetNotReachable,
        (500..=599, _) => StatusCode::InternalServerError,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{from_http, to_http};
    use dyad_protocol::{Operation, StatusCode};

    #[test]
    fn classes_agree() {
        for code in StatusCode::ALL {
            assert_eq!(code.is_success(), to_http(*code) < 300, "{code:?}");
        }
        for (number, status) in
            [(1999, 202), (2999, 200), (4999, 400), (5999, 500), (6999, 500), (0, 500), (u16::MAX, 500)]
        {
            assert_eq!(to_http(StatusCode::Unknown(number)), status);
        }
    }

    #[test]
    fn back_again() {
        for status in [200, 201, 202, 400, 403, 404, 405, 406, 409, 415, 500, 501, 504] {
            assert_eq!(to_http(from_http(status, Operation::Retrieve).unwrap()), status);
        }
        assert_eq!(from_http(204, Operation::Delete), Some(StatusCode::Deleted));
        assert_eq!(from_http(204, Operation::Notify), Some(StatusCode::Ok));
        assert!([100, 301, 304, 600].iter().all(|status| from_http(*status, Operation::Notify).is_none()));
    }
}
