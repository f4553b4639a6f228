//! The request primitive (TS-0004 6.4.1, Table 7.2.1.1-1).

use super::{Content, FilterCriteria};
use crate::time::AbsRelTime;
use crate::{Failure, Serialization, Timestamp};

/// A resource type number (TS-0004 6.3.4.2.1); 10000 more for the announced variant.
pub type ResourceType = u32;

/// The operation of a request (`op`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Operation {
    /// 1
    Create,
    /// 2
    #[default]
    Retrieve,
    /// 3
    Update,
    /// 4
    Delete,
    /// 5
    Notify,
}

impl Operation {
    /// The number on the wire.
    pub const fn number(self) -> u8 {
        match self {
            Self::Create => 1,
            Self::Retrieve => 2,
            Self::Update => 3,
            Self::Delete => 4,
            Self::Notify => 5,
        }
    }

    /// From the number on the wire.
    pub const fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::Create,
            2 => Self::Retrieve,
            3 => Self::Update,
            4 => Self::Delete,
            5 => Self::Notify,
            _ => return None,
        })
    }
}

/// What the response carries (`rcn`, TS-0004 6.3.4.2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultContent {
    /// 0
    Nothing,
    /// 1
    Attributes,
    /// 2
    HierarchicalAddress,
    /// 3
    HierarchicalAddressAndAttributes,
    /// 4
    AttributesAndChildResources,
    /// 5
    AttributesAndChildResourceReferences,
    /// 6
    ChildResourceReferences,
    /// 7
    OriginalResource,
    /// 8
    ChildResources,
    /// 9
    ModifiedAttributes,
    /// 10
    SemanticContent,
    /// 11 (release 4)
    SemanticContentAndChildResources,
    /// 12 (release 4): the permissions that the originator has.
    Permissions,
}

impl ResultContent {
    /// From the number on the wire, 0 to 12. BAD_REQUEST for another.
    pub fn from_number(number: u64) -> Result<Self, Failure> {
        Ok(match number {
            0 => Self::Nothing,
            1 => Self::Attributes,
            2 => Self::HierarchicalAddress,
            3 => Self::HierarchicalAddressAndAttributes,
            4 => Self::AttributesAndChildResources,
            5 => Self::AttributesAndChildResourceReferences,
            6 => Self::ChildResourceReferences,
            7 => Self::OriginalResource,
            8 => Self::ChildResources,
            9 => Self::ModifiedAttributes,
            10 => Self::SemanticContent,
            11 => Self::SemanticContentAndChildResources,
            12 => Self::Permissions,
            _ => return Err(Failure::bad_request("rcn is a number from 0 to 12")),
        })
    }

    /// The number on the wire.
    pub const fn number(self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Attributes => 1,
            Self::HierarchicalAddress => 2,
            Self::HierarchicalAddressAndAttributes => 3,
            Self::AttributesAndChildResources => 4,
            Self::AttributesAndChildResourceReferences => 5,
            Self::ChildResourceReferences => 6,
            Self::OriginalResource => 7,
            Self::ChildResources => 8,
            Self::ModifiedAttributes => 9,
            Self::SemanticContent => 10,
            Self::SemanticContentAndChildResources => 11,
            Self::Permissions => 12,
        }
    }
}

/// How the response comes (`rtv`, TS-0004 6.3.4.2.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseType {
    /// 1: an acknowledgement now, the result in a `<request>` resource.
    NonBlockingSynch,
    /// 2: an acknowledgement now, the result in a notification.
    NonBlockingAsynch,
    /// 3: the result in the response.
    #[default]
    Blocking,
    /// 4: the receiver chooses.
    FlexBlocking,
    /// 5: no response at all.
    NoResponse,
}

impl ResponseType {
    /// From the number on the wire.
    pub const fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::NonBlockingSynch,
            2 => Self::NonBlockingAsynch,
            3 => Self::Blocking,
            4 => Self::FlexBlocking,
            5 => Self::NoResponse,
            _ => return None,
        })
    }

    /// The number on the wire.
    pub const fn number(self) -> u8 {
        match self {
            Self::NonBlockingSynch => 1,
            Self::NonBlockingAsynch => 2,
            Self::Blocking => 3,
            Self::FlexBlocking => 4,
            Self::NoResponse => 5,
        }
    }
}

/// The Response Type parameter (`rt`, TS-0004 6.3.5.30).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseTypeInfo {
    /// `rtv`
    pub value: ResponseType,
    /// `nu`: where an asynchronous result goes; `None` means to the originator, an empty list to nobody.
    pub notification_uri: Option<Vec<String>>,
}

/// The form of identifiers in a discovery result (`drt`, TS-0004 6.3.4.2.8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DesiredIdentifierResultType {
    /// 1: `cse-in/ae/cnt`
    #[default]
    Structured,
    /// 2: `cnt7`
    Unstructured,
}

impl DesiredIdentifierResultType {
    /// From the number on the wire.
    pub const fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::Structured,
            2 => Self::Unstructured,
            _ => return None,
        })
    }

    /// The number on the wire.
    pub const fn number(self) -> u8 {
        match self {
            Self::Structured => 1,
            Self::Unstructured => 2,
        }
    }
}

/// A request primitive. `None` and empty lists are parameters that were not sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// `op`
    pub operation: Operation,
    /// `to`, as it came; [`crate::id::Address`] takes it apart.
    pub to: String,
    /// `fr`: the originator.
    pub from: Option<String>,
    /// `rqi`
    pub request_identifier: String,
    /// `ty`
    pub resource_type: Option<ResourceType>,
    /// `pc`
    pub content: Option<Content>,
    /// `rids`
    pub role_ids: Vec<String>,
    /// `ot`
    pub originating_timestamp: Option<Timestamp>,
    /// `rqet`
    pub request_expiration_timestamp: Option<AbsRelTime>,
    /// `rset`
    pub result_expiration_timestamp: Option<AbsRelTime>,
    /// `oet`
    pub operation_execution_time: Option<AbsRelTime>,
    /// `rt`
    pub response_type: ResponseTypeInfo,
    /// `rp`
    pub result_persistence: Option<AbsRelTime>,
    /// `rcn`; the default depends on the operation.
    pub result_content: Option<ResultContent>,
    /// `ec`
    pub event_category: Option<u16>,
    /// `da`
    pub delivery_aggregation: Option<bool>,
    /// `gid`
    pub group_request_identifier: Option<String>,
    /// `fc`
    pub filter_criteria: Option<Box<FilterCriteria>>,
    /// `drt`
    pub desired_identifier_result_type: Option<DesiredIdentifierResultType>,
    /// `tkns`
    pub tokens: Vec<String>,
    /// `tids`
    pub token_ids: Vec<String>,
    /// `ltids`
    pub local_token_ids: Vec<String>,
    /// `tqi`
    pub token_request_indicator: Option<bool>,
    /// `grtm`
    pub group_request_target_members: Vec<String>,
    /// `asi`
    pub authorization_signature_indicator: Option<bool>,
    /// `aus`
    pub authorization_signatures: Vec<String>,
    /// `auri`
    pub authorization_relationship_indicator: Option<bool>,
    /// `sqi`
    pub semantic_query_indicator: Option<bool>,
    /// `rvi`; `None` is release 1.
    pub release_version_indicator: Option<String>,
    /// `vsi`
    pub vendor_information: Option<String>,
    /// `prpi`: the `<primitiveProfile>` that is to be applied to the request (release 4).
    pub primitive_profile_identifier: Option<String>,
    /// `atrl`: short names of the attributes that a partial RETRIEVE asks for.
    pub attribute_list: Vec<String>,
    /// How the target wants the request to be written (`csz` of an AE, `ct` of a URL; TS-0004 7.5.1.2.1). No
    /// parameter: a binding that sends the request looks at it, and takes what it likes where it is `None`.
    pub serialization: Option<Serialization>,
}

impl Request {
    /// The originator, or nothing for one that was left out.
    pub fn originator(&self) -> &str {
        self.from.as_deref().unwrap_or_default()
    }

    /// Makes the attribute list of a RETRIEVE what its Content is, if that is one (`m2m:atrl`, TS-0004 8.4.2): for bindings
    /// whose messages carry both. BAD_REQUEST if it is no list of names.
    pub fn take_attribute_list(&mut self) -> Result<(), Failure> {
        if self.operation != Operation::Retrieve {
            return Ok(());
        }
        let Some(content) = self.content.take() else { return Ok(()) };
        let (content, attributes) = super::json::attribute_list(content.into_value())?;
        self.attribute_list.extend(attributes);
        self.content = content;
        Ok(())
    }
}
