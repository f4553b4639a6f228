//! The attributes of an access control policy and of a subscription, from any JSON: no panic, and nothing but a rule
//! that names the originator grants anything.
#![no_main]

use dyad_core::access::{Policy, Question, decide};
use dyad_core::subscription::Subscription;
use dyad_protocol::primitive::json::parse;
use dyad_protocol::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(serde_json::Value::Object(attributes)) = parse(data) else { return };
    let policy = Policy::from_attributes(&attributes);
    let forms = ["Cae".to_owned(), "//sp/id-in/Cae".to_owned(), "/id-in/Cae".to_owned()];
    for (operation, peer) in [(1, None), (2, Some([192, 168, 0, 7].into())), (32, Some([0_u16; 8].into()))] {
        let question = Question {
            originator: &forms,
            group: None,
            operation,
            resource_type: 3,
            specialization: None,
            child_type: (operation == 1).then_some(4),
            now: Timestamp::from_micros(1_800_000_000_000_000),
            peer,
            authenticated: operation == 32,
            place: None,
        };
        if decide(&question, &policy.privileges) {
            assert!(policy.privileges.iter().any(|rule| rule.operations & operation != 0 && !rule.originators.is_empty()));
        }
        let nobody = Question { originator: &[], ..question };
        assert!(!decide(&nobody, &policy.self_privileges));
    }
    drop(Subscription::from_attributes(&attributes));
});
