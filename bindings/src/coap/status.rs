//! Response status codes and CoAP response codes (TS-0008 6.2.4, Table 6.2.4-1).

use dyad_protocol::{Operation, StatusCode};

/// The byte of a response code: `code(4, 4)` is 4.04.
pub const fn code(class: u8, detail: u8) -> u8 {
    class << 5 | detail
}

/// 4.02 Bad Option
pub const BAD_OPTION: u8 = code(4, 2);
/// 5.05 Proxying Not Supported
pub const NO_PROXY: u8 = code(5, 5);

/// The response code of a response status code, which for OK and acknowledgements depends on what was asked. One
/// outside the table goes by its class.
pub const fn to_coap(status: StatusCode, operation: Operation) -> u8 {
    use StatusCode as C;
    match status {
        C::Ok => match operation {
            Operation::Retrieve => code(2, 5),
            _ => code(2, 4),
        },
        C::Accepted | C::Updated => code(2, 4),
        C::Created | C::AcceptedNonBlockingSynch | C::AcceptedNonBlockingAsynch => code(2, 1),
        C::Deleted => code(2, 2),
        C::BadRequest | C::ContentsUnacceptable | C::GroupRequestIdentifierExists => code(4, 0),
        C::GroupMemberTypeInconsistent | C::IllegalTransactionStateTransition => code(4, 0),
        C::BlockingSubscriptionAlreadyExists | C::InvalidProcessConfiguration => code(4, 0),
        C::InvalidSparqlQuery | C::AlreadyExists | C::UnableToReplaceRequest => code(4, 0),
        C::UnableToRecallRequest | C::MaxNumberOfMemberExceeded | C::InvalidCmdtype => code(4, 0),
        C::InvalidArguments | C::InsufficientArguments | C::AlreadyComplete => code(4, 0),
        C::MgmtCommandNotCancellable | C::PrimitiveProfileBadRequest => code(4, 0),
        C::InvalidSemantics | C::InvalidTriggerPurpose => code(4, 2),
        C::SubscriptionCreatorHasNoPrivilege | C::OriginatorHasNoPrivilege | C::Conflict => code(4, 3),
        C::OriginatorNotAuthenticated | C::SecurityAssociationRequired => code(4, 3),
        C::InvalidChildResourceType | C::NoMembers | C::EsprimUnsupportedOption => code(4, 3),
        C::EsprimUnknownKeyId | C::EsprimUnknownOrigRandId | C::EsprimUnknownRecvRandId => code(4, 3),
        C::EsprimBadMac | C::EsprimImpersonationError | C::OriginatorHasAlreadyRegistered => code(4, 3),
        C::AppRuleValidationFailed | C::OperationDeniedByRemoteEntity => code(4, 3),
        C::ServiceSubscriptionNotEstablished | C::ReceiverHasNoPrivilege => code(4, 3),
        C::TargetNotSubscribable | C::SubscriptionHostHasNoPrivilege | C::DiscoveryDeniedByIpe => code(4, 3),
        C::TargetHasNoSessionCapability | C::SessionIsOnline | C::TriggeringDisabledForRecipient => {
            code(4, 3)
        }
        C::TransactionProcessingIsIncomplete | C::PrimitiveProfileNotAccessible => code(4, 3),
        C::NotFound | C::OntologyNotAvailable | C::LinkedSemanticsNotAvailable => code(4, 4),
        C::MashupMemberNotFound | C::TargetNotReachable | C::RemoteEntityNotReachable => code(4, 4),
        C::ExternalObjectNotReachable | C::ExternalObjectNotFound => code(4, 4),
        C::OperationNotAllowed => code(4, 5),
        C::NotAcceptable => code(4, 6),
        C::UnsupportedMediaType => code(4, 15),
        C::InternalServerError | C::SubscriptionVerificationInitiationFailed => code(5, 0),
        C::GroupMembersNotResponded | C::EsprimDecryptionError | C::EsprimEncryptionError => code(5, 0),
        C::SparqlUpdateError | C::JoinMulticastGroupFailed | C::LeaveMulticastGroupFailed => code(5, 0),
        C::CrossResourceOperationFailure | C::MgmtSessionCannotBeEstablished => code(5, 0),
        C::MgmtSessionEstablishmentTimeout | C::MgmtConversionError | C::MgmtCancellationFailed => code(5, 0),
        C::ReleaseVersionNotSupported | C::SpecializationSchemaNotFound | C::NotImplemented => code(5, 1),
        C::NonBlockingSynchRequestNotSupported => code(5, 1),
        C::RequestTimeout
        | C::ExternalObjectNotReachableBeforeRqet
        | C::ExternalObjectNotReachableBeforeOet => code(5, 4),
        C::Unknown(number) => match number / 1000 {
            1 | 2 => code(2, 4),
            4 => code(4, 0),
            _ => code(5, 0),
        },
    }
}

/// The response status code of an answer that carries no oneM2M-RSC, as plain CoAP servers send. `None` for codes that
/// are no answer to a primitive (2.03, 2.31, requests, what no class has).
pub const fn from_coap(code: u8, operation: Operation) -> Option<StatusCode> {
    Some(match (code >> 5, code & 31) {
        (2, 1) => StatusCode::Created,
        (2, 2) => StatusCode::Deleted,
        (2, 4) => match operation {
            Operation::Update => StatusCode::Updated,
            Operation::Delete => StatusCode::Deleted,
            Operation::Create => StatusCode::Created,
            _ => StatusCode::Ok,
        },
        (2, 5) => StatusCode::Ok,
        (4, 1 | 3) => StatusCode::OriginatorHasNoPrivilege,
        (4, 4) => StatusCode::NotFound,
        (4, 5) => StatusCode::OperationNotAllowed,
        (4, 6) => StatusCode::NotAcceptable,
        (4, 9) => StatusCode::Conflict,
        (4, 15) => StatusCode::UnsupportedMediaType,
        (4, _) => StatusCode::BadRequest,
        (5, 1) => StatusCode::NotImplemented,
        (5, 2 | 3) => StatusCode::TargetNotReachable,
        (5, 4) => StatusCode::RequestTimeout,
        (5, _) => StatusCode::InternalServerError,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{code, from_coap, to_coap};
    use dyad_protocol::{Operation, StatusCode};

    #[test]
    fn classes_agree() {
        for status in StatusCode::ALL {
            let class = to_coap(*status, Operation::Retrieve) >> 5;
            assert_eq!(status.is_success(), class == 2, "{status:?}");
        }
        for (number, class) in [(1999, 2), (2999, 2), (4999, 4), (5999, 5), (6999, 5), (0, 5), (u16::MAX, 5)]
        {
            assert_eq!(to_coap(StatusCode::Unknown(number), Operation::Retrieve) >> 5, class);
        }
    }

    #[test]
    fn of_the_table() {
        for (number, class, detail) in [
            (2001, 2, 1),
            (2002, 2, 2),
            (2004, 2, 4),
            (4000, 4, 0),
            (4001, 5, 1),
            (4008, 5, 4),
            (4015, 4, 15),
            (4104, 4, 0),
            (4105, 4, 3),
            (4120, 4, 2),
            (4122, 4, 2),
            (4125, 5, 1),
            (5106, 4, 0),
            (5207, 4, 6),
            (5219, 4, 0),
            (6010, 4, 0),
            (6025, 5, 0),
            (6028, 4, 0),
            (6031, 5, 4),
        ] {
            let status = StatusCode::from_number(number);
            assert_eq!(to_coap(status, Operation::Retrieve), code(class, detail), "{number}");
        }
        assert_eq!(to_coap(StatusCode::Ok, Operation::Retrieve), code(2, 5));
        assert_eq!(to_coap(StatusCode::Ok, Operation::Notify), code(2, 4));
    }

    #[test]
    fn back_again() {
        for (class, detail) in
            [(2, 1), (2, 2), (2, 5), (4, 0), (4, 3), (4, 4), (4, 5), (4, 6), (4, 15), (5, 0), (5, 1), (5, 4)]
        {
            let status = from_coap(code(class, detail), Operation::Retrieve).unwrap();
            assert_eq!(to_coap(status, Operation::Retrieve), code(class, detail));
        }
        assert_eq!(from_coap(code(2, 4), Operation::Notify), Some(StatusCode::Ok));
        assert!(
            [0, 1, code(2, 3), code(2, 31), code(3, 0), 255].iter().all(|byte| from_coap(
                *byte,
                Operation::Notify
            )
            .is_none())
        );
    }
}
