//! Cross-origin requests of web pages (the CORS protocol of the Fetch standard).

use super::encode::Outgoing;
use super::settings::CorsSetting;

/// The methods that a page may use.
const METHODS: &str = "GET, POST, PUT, DELETE";

/// The headers of a response that a page may read.
const EXPOSED: &str = "X-M2M-RSC, X-M2M-RI, X-M2M-RVI, X-M2M-Origin, X-M2M-OT, X-M2M-RST, X-M2M-EC, X-M2M-CTS, \
    X-M2M-CTO, X-M2M-ATI, X-M2M-ASRI, X-M2M-VSI, Content-Location, Etag";

/// For how many seconds a browser may remember a preflight answer.
const MAX_AGE: u32 = 3600;

/// The value of Access-Control-Allow-Origin for an Origin, if its pages may use this node.
fn allowed<'a>(setting: &CorsSetting, origin: &'a str) -> Option<&'a str> {
    match setting {
        CorsSetting::Off => None,
        CorsSetting::Any => Some("*"),
        CorsSetting::Origins(list) => list.iter().any(|one| one == origin).then_some(origin),
    }
}

/// The headers that a response to a page gets.
pub(super) fn headers(setting: &CorsSetting, origin: &str) -> Vec<(&'static str, String)> {
    let vary = matches!(setting, CorsSetting::Origins(_)).then(|| ("vary", "Origin".to_owned()));
    let allowed = allowed(setting, origin).map(|origin| {
        [
            ("access-control-allow-origin", origin.to_owned()),
            ("access-control-expose-headers", EXPOSED.to_owned()),
        ]
    });
    vary.into_iter().chain(allowed.into_iter().flatten()).collect()
}

/// The answer to a preflight: `requested` are the headers that the page wants to send. All are granted, since this
/// node ignores those it does not know.
pub(super) fn preflight(setting: &CorsSetting, origin: &str, requested: Option<&str>) -> Outgoing {
    let mut headers = headers(setting, origin);
    if allowed(setting, origin).is_some() {
        headers.push(("access-control-allow-methods", METHODS.to_owned()));
        headers.extend(requested.map(|names| ("access-control-allow-headers", names.to_owned())));
        headers.push(("access-control-max-age", MAX_AGE.to_string()));
    }
    Outgoing { status: 204, headers, body: bytes::Bytes::new() }
}
