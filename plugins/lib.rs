//! The service functions that ship with the node, one folder and one cargo feature each.
//!
//! [`all`] is the one list of them and their order; the settings switch them off by name. They use the public API
//! of `dyad-core` alone, as a function of anybody else does.

#[cfg(feature = "action")]
pub mod action;
#[cfg(feature = "contact-list")]
pub mod contact_list;
#[cfg(feature = "cross-resource")]
pub mod cross_resource;
#[cfg(feature = "expiration")]
pub mod expiration;
#[cfg(feature = "group")]
pub mod group;
#[cfg(feature = "location")]
pub mod location;
#[cfg(feature = "notification-target")]
pub mod notification_target;
#[cfg(feature = "on-demand-discovery")]
pub mod on_demand_discovery;
#[cfg(feature = "polling")]
pub mod polling;
#[cfg(feature = "primitive-profile")]
pub mod primitive_profile;
#[cfg(feature = "process")]
pub mod process;
#[cfg(feature = "registration")]
pub mod registration;
#[cfg(feature = "requests")]
pub mod requests;
#[cfg(feature = "schedule")]
pub mod schedule;
#[cfg(feature = "semantics")]
pub mod semantics;
#[cfg(feature = "subscription")]
pub mod subscription;
#[cfg(feature = "time-series")]
pub mod time_series;

use std::sync::Arc;

use dyad_core::ServiceFunction;

/// All functions, in the order in which they take part in a request. Subscriptions come last: what the others make
/// of a resource is what subscribers are told.
pub fn all() -> Vec<Arc<dyn ServiceFunction>> {
    vec![
        #[cfg(feature = "registration")]
        Arc::new(registration::Registration::default()),
        #[cfg(feature = "expiration")]
        Arc::new(expiration::Expiration::default()),
        #[cfg(feature = "requests")]
        Arc::new(requests::Requests::default()),
        #[cfg(feature = "polling")]
        Arc::new(polling::Polling::default()),
        #[cfg(feature = "group")]
        Arc::new(group::Groups::default()),
        #[cfg(feature = "on-demand-discovery")]
        Arc::new(on_demand_discovery::OnDemandDiscovery::default()),
        #[cfg(feature = "primitive-profile")]
        Arc::new(primitive_profile::PrimitiveProfiles::default()),
        #[cfg(feature = "action")]
        Arc::new(action::Actions::default()),
        #[cfg(feature = "process")]
        Arc::new(process::Processes::default()),
        #[cfg(feature = "location")]
        Arc::new(location::Locations::default()),
        #[cfg(feature = "schedule")]
        Arc::new(schedule::Schedules),
        #[cfg(feature = "semantics")]
        Arc::new(semantics::SemanticSearch::default()),
        #[cfg(feature = "time-series")]
        Arc::new(time_series::TimeSeries::default()),
        #[cfg(feature = "cross-resource")]
        Arc::new(cross_resource::CrossResource::default()),
        #[cfg(feature = "notification-target")]
        Arc::new(notification_target::NotificationTargets::default()),
        #[cfg(feature = "contact-list")]
        Arc::new(contact_list::ContactLists::default()),
        #[cfg(feature = "subscription")]
        Arc::new(subscription::Subscriptions::default()),
    ]
}
